import type { TokenSubject } from "../src/auth/signToken.ts";
import type { CredentialBox } from "../src/integrations/credentials.ts";
import { AffordableAggregatesPlugin } from "./AffordableAggregatesPlugin.ts";
import { AppointmentChangedPlugin } from "./AppointmentChangedPlugin.ts";
import { makeConnectIntegrationPlugin } from "./ConnectIntegrationPlugin.ts";
import { DeviceKeyProofPlugin } from "./DeviceKeyProofPlugin.ts";
import { EndedSessionPlugin } from "./EndedSessionPlugin.ts";
import { GeneratedDescriptionsPlugin } from "./GeneratedDescriptionsPlugin.ts";
import { HttpStatusPlugin } from "./HttpStatusPlugin.ts";
import { MissingRowPlugin } from "./MissingRowPlugin.ts";
import { QueryErrorsPlugin } from "./QueryErrorsPlugin.ts";
import { RowIdentifiersPlugin } from "./RowIdentifiersPlugin.ts";
import { makeSessionAccessTokenPlugin } from "./SessionAccessTokenPlugin.ts";
import { TenantInflectionPlugin } from "./TenantInflectionPlugin.ts";
import { VaultInflectionPlugin } from "./VaultInflectionPlugin.ts";

/** Every plugin of ours, in the order in which the preset takes them. */
export function makePlugins(
  signToken: (subject: TokenSubject) => string,
  credentials: CredentialBox | null,
): GraphileConfig.Plugin[] {
  return [
    RowIdentifiersPlugin,
    TenantInflectionPlugin,
    VaultInflectionPlugin,
    AffordableAggregatesPlugin,
    MissingRowPlugin,
    EndedSessionPlugin,
    AppointmentChangedPlugin,
    makeConnectIntegrationPlugin(credentials),
    DeviceKeyProofPlugin,
    makeSessionAccessTokenPlugin(signToken),
    GeneratedDescriptionsPlugin,
    QueryErrorsPlugin,
    HttpStatusPlugin,
  ];
}
