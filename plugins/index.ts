import { AffordableAggregatesPlugin } from "./AffordableAggregatesPlugin.ts";
import { ApiVersionPlugin } from "./ApiVersionPlugin.ts";
import { ArchivedRowsPlugin } from "./ArchivedRowsPlugin.ts";
import { ChangeSubscriptionsPlugin } from "./ChangeSubscriptionsPlugin.ts";
import { ConnectIntegrationPlugin } from "./ConnectIntegrationPlugin.ts";
import { DeviceKeyProofPlugin } from "./DeviceKeyProofPlugin.ts";
import { EndedSessionPlugin } from "./EndedSessionPlugin.ts";
import { FieldMeaningsPlugin } from "./FieldMeaningsPlugin.ts";
import { GeneratedDescriptionsPlugin } from "./GeneratedDescriptionsPlugin.ts";
import { HttpStatusPlugin } from "./HttpStatusPlugin.ts";
import { IdempotencyPlugin } from "./IdempotencyPlugin.ts";
import { InputFieldsPlugin } from "./InputFieldsPlugin.ts";
import { MissingRowPlugin } from "./MissingRowPlugin.ts";
import { NotePatientsPlugin } from "./NotePatientsPlugin.ts";
import { NullableOrderPlugin } from "./NullableOrderPlugin.ts";
import { makeOperationLimitsPlugin, type OperationLimits } from "./OperationLimitsPlugin.ts";
import { PageSizePlugin } from "./PageSizePlugin.ts";
import { PartialKeyOrderPlugin } from "./PartialKeyOrderPlugin.ts";
import { PasswordsPlugin } from "./PasswordsPlugin.ts";
import { RememberedBehaviorPlugin } from "./RememberedBehaviorPlugin.ts";
import { RememberedNamesPlugin } from "./RememberedNamesPlugin.ts";
import { RotateWebhookSecretPlugin } from "./RotateWebhookSecretPlugin.ts";
import { RowIdentifiersPlugin } from "./RowIdentifiersPlugin.ts";
import { ScalarRangesPlugin } from "./ScalarRangesPlugin.ts";
import { SessionAccessTokenPlugin } from "./SessionAccessTokenPlugin.ts";
import { TenantInflectionPlugin } from "./TenantInflectionPlugin.ts";
import { TenantOrderPlugin } from "./TenantOrderPlugin.ts";
import { TimestampsPlugin } from "./TimestampsPlugin.ts";
import { VaultInflectionPlugin } from "./VaultInflectionPlugin.ts";

/** Every plugin of ours, in the order in which the preset takes them. */
export function makePlugins(limits: OperationLimits): GraphileConfig.Plugin[] {
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
    ConnectIntegrationPlugin,
    RotateWebhookSecretPlugin,
    DeviceKeyProofPlugin,
    PasswordsPlugin,
    SessionAccessTokenPlugin,
    ScalarRangesPlugin,
    TimestampsPlugin,
    NotePatientsPlugin,
    FieldMeaningsPlugin,
    GeneratedDescriptionsPlugin,
    PageSizePlugin,
    // Each wraps the ones before it: what is within the limits may be a repetition, and what is not one is executed.
    IdempotencyPlugin,
    ApiVersionPlugin,
    makeOperationLimitsPlugin(limits),
    HttpStatusPlugin,
  ];
}
