import { createHash } from "node:crypto";

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
  command: string;
  tableName: string;
  rowId: string;
  changedFields: string[];
  purposeOfUse: string | null;
  requestId: string | null;
}

/** What to select for an AuditEvent. */
export const EVENT_COLUMNS = `
  e.id, (extract(epoch from e.occurred_at) * 1000000)::bigint::text as "occurredAt", e.timeline,
  e.transaction_id::text as "transactionId", e.organization_id as "organizationId", e.clinic_id as "clinicId",
  e.actor_id as "actorId", e.session_id as "sessionId", e.actor_role as "actorRole", e.command,
  e.table_name as "tableName", e.row_id as "rowId", e.changed_fields as "changedFields",
  e.purpose_of_use as "purposeOfUse", e.request_id as "requestId"`;

/**
 * All that an event says as one text: the JSON array that app_audit.tg_events__hash() makes, byte for byte. Made here again,
 * because whoever can change an event may be able to change the function.
 */
export function canonicalEvent(event: AuditEvent): string {
  return jsonArray([
    "event/1",
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
  ]);
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
