import type { TokenSubject } from "../src/auth/signToken.ts";
import type { CredentialBoxes } from "../src/integrations/credentials.ts";
import { AffordableAggregatesPlugin } from "./AffordableAggregatesPlugin.ts";
import { ApiVersionPlugin } from "./ApiVersionPlugin.ts";
import { ArchivedRowsPlugin } from "./ArchivedRowsPlugin.ts";
import { ChangeSubscriptionsPlugin } from "./ChangeSubscriptionsPlugin.ts";
import { makeConnectIntegrationPlugin } from "./ConnectIntegrationPlugin.ts";
import { DeviceKeyProofPlugin } from "./DeviceKeyProofPlugin.ts";
import { EndedSessionPlugin } from "./EndedSessionPlugin.ts";
import { GeneratedDescriptionsPlugin } from "./GeneratedDescriptionsPlugin.ts";
import { HttpStatusPlugin } from "./HttpStatusPlugin.ts";
import { IdempotencyPlugin } from "./IdempotencyPlugin.ts";
import { InputFieldsPlugin } from "./InputFieldsPlugin.ts";
import { MissingRowPlugin } from "./MissingRowPlugin.ts";
import { NotePatientsPlugin } from "./NotePatientsPlugin.ts";
import { NullableOrderPlugin } from "./NullableOrderPlugin.ts";
import { makeOperationLimitsPlugin, type OperationLimits } from "./OperationLimitsPlugin.ts";
import { makePageSizePlugin } from "./PageSizePlugin.ts";
import { PartialKeyOrderPlugin } from "./PartialKeyOrderPlugin.ts";
import { PasswordsPlugin } from "./PasswordsPlugin.ts";
import { RememberedBehaviorPlugin } from "./RememberedBehaviorPlugin.ts";
import { RememberedNamesPlugin } from "./RememberedNamesPlugin.ts";
import { makeRotateWebhookSecretPlugin } from "./RotateWebhookSecretPlugin.ts";
import { RowIdentifiersPlugin } from "./RowIdentifiersPlugin.ts";
import { ScalarRangesPlugin } from "./ScalarRangesPlugin.ts";
import { makeSessionAccessTokenPlugin } from "./SessionAccessTokenPlugin.ts";
import { TenantInflectionPlugin } from "./TenantInflectionPlugin.ts";
import { TenantOrderPlugin } from "./TenantOrderPlugin.ts";
import { TimestampsPlugin } from "./TimestampsPlugin.ts";
import { VaultInflectionPlugin } from "./VaultInflectionPlugin.ts";

/** Every plugin of ours, in the order in which the preset takes them. */
export function makePlugins(
  signToken: (subject: TokenSubject) => string,
  credentials: CredentialBoxes | null,
  limits: OperationLimits,
): GraphileConfig.Plugin[] {
  return [
    RememberedBehaviorPlugin,
    RememberedNamesPlugin,
    RowIdentifiersPlugin,
    TenantInflectionPlugin,
    PartialKeyOrderPlugin,
    TenantOrderPlugin,
    NullableOrderPlugin,
    VaultInflectionPlugin,
    AffordableAggregatesPlugin,
    MissingRowPlugin,
    InputFieldsPlugin,
    EndedSessionPlugin,
    ArchivedRowsPlugin,
    ChangeSubscriptionsPlugin,
    makeConnectIntegrationPlugin(credentials?.integration_credentials ?? null),
    makeRotateWebhookSecretPlugin(credentials?.webhook_secrets ?? null),
    DeviceKeyProofPlugin,
    PasswordsPlugin,
    makeSessionAccessTokenPlugin(signToken),
    ScalarRangesPlugin,
    TimestampsPlugin,
    NotePatientsPlugin,
    GeneratedDescriptionsPlugin,
    makePageSizePlugin(limits.page.defaultSize),
    // Each wraps the ones before it: what is within the limits may be a repetition, and what is not one is executed.
    IdempotencyPlugin,
    ApiVersionPlugin,
    makeOperationLimitsPlugin(limits),
    HttpStatusPlugin,
  ];
}
