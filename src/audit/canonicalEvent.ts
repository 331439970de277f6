import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

/** A row of app_audit.events as Postgres prints it; a bigint, a timestamp or an xid8 does not fit a number. */
export interface AuditEvent {
  id: string;
  /** Microseconds since 1970. */
  occurredAt: string;
  timeline: number;
  transactionId: string;
  organizationId: string | null;
  clinicId: string | null;
  actorId: string | null;
  sessionId: string | null;
  actorRole: string;
  /** INSERT, UPDATE, DELETE; SELECT for what was read, ATTEMPT for what was refused. */
  command: string;
  tableName: string;
  /** Null where many rows were read, or none was reached. */
  rowId: string | null;
  changedFields: string[];
  purposeOfUse: string | null;
  requestId: string | null;
  /** Which canonical form its hash is of. */
  hashVersion: number;
  onBehalfOf: string | null;
  addressHash: string | null;
  deviceHash: string | null;
  operation: string | null;
  documentHash: string | null;
  grantId: string | null;
  patientIds: string[];
  /** JSON as Postgres prints it. */
  changes: string | null;
  rowCount: number | null;
  outcome: string;
  errorCode: string | null;
}

/** What to select for an AuditEvent. */
export const EVENT_COLUMNS = `
  e.id, (extract(epoch from e.occurred_at) * 1000000)::bigint::text as "occurredAt", e.timeline,
  e.transaction_id::text as "transactionId", e.organization_id as "organizationId", e.clinic_id as "clinicId",
  e.actor_id as "actorId", e.session_id as "sessionId", e.actor_role as "actorRole", e.command,
  e.table_name as "tableName", e.row_id as "rowId", e.changed_fields as "changedFields",
  e.purpose_of_use as "purposeOfUse", e.request_id as "requestId", e.hash_version as "hashVersion",
  e.on_behalf_of as "onBehalfOf", e.address_hash as "addressHash", e.device_hash as "deviceHash", e.operation,
  e.document_hash as "documentHash", e.grant_id as "grantId", e.patient_ids as "patientIds", e.changes::text as changes,
  e.row_count as "rowCount", e.outcome, e.error_code as "errorCode"`;

/** laterFacts() of an event that was written before there were any: the defaults of the columns. */
const AT_REST = [null, null, null, null, null, null, [], null, null, "ok", null];

/**
 * All that an event says as one text: the JSON array that app_audit.tg_events__hash() makes, byte for byte. Made here again,
 * because whoever can change an event may be able to change the function.
 */
export function canonicalEvent(event: AuditEvent): string {
  const later = laterFacts(event);
  if (event.hashVersion !== 1) {
    return jsonArray([`event/${event.hashVersion}`, ...firstFacts(event), ...later]);
  }
  // An event of before the second form says nothing there: one that does is none.
  return jsonArray(["event/1", ...firstFacts(event), ...(isDeepStrictEqual(later, AT_REST) ? [] : later)]);
}

function firstFacts(event: AuditEvent): unknown[] {
  return [
    event.id,
    event.occurredAt,
    event.timeline,
    event.transactionId,
    event.organizationId,
    event.clinicId,
    event.actorId,
    event.sessionId,
    event.actorRole,
    event.command,
    event.tableName,
    event.rowId,
    event.changedFields,
    event.purposeOfUse,
    event.requestId,
  ];
}

function laterFacts(event: AuditEvent): unknown[] {
  return [
    event.onBehalfOf,
    event.addressHash,
    event.deviceHash,
    event.operation,
    event.documentHash,
    event.grantId,
    event.patientIds,
    event.changes,
    event.rowCount,
    event.outcome,
    event.errorCode,
  ];
}

/** SHA-256 of the canonical text, 32 bytes. */
export function hashEvent(event: AuditEvent): Buffer {
  return sha256(canonicalEvent(event));
}

/** With a blank after the comma between the outer elements, as Postgres' json_build_array writes it. */
export function jsonArray(values: readonly unknown[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(", ")}]`;
}

/** SHA-256 of the parts, one after the other. */
export function sha256(...parts: (string | Uint8Array)[]): Buffer {
  const hash = createHash("sha256");
  parts.forEach((part) => hash.update(part));
  return hash.digest();
}
