import type { Claims } from "./claims.ts";
import type { Client } from "./clientHash.ts";
import type { RequestScope } from "./requestScope.ts";

/** Settings of one transaction, all set with `set_config(…, true)`. */
export type PgSettings = Readonly<Record<string, string>>;

const STATEMENT_TIMEOUT = "10s";
const LOCK_TIMEOUT = "5s";
const IDLE_IN_TRANSACTION_TIMEOUT = "10s";
const MAXIMUM_NAME_LENGTH = 63;

/**
 * The whole contract between a request and the policies in SQL. A fixed list: nothing of a token is forwarded because
 * it happened to be there. The role depends on whether a token was verified and never on what it says.
 */
export function pgSettings(
  claims: Claims | null,
  scope: RequestScope,
  requestId: string,
  client: Client | null = null,
): PgSettings {
  const settings: Record<string, string> = {
    role: claims ? "app_user" : "app_anonymous",
    "app.request_id": requestId,
    // pg_stat_activity then says whose statement is running for too long. Postgres keeps 63 bytes of it.
    application_name: `bailiwick ${requestId}`.slice(0, MAXIMUM_NAME_LENGTH),
    // Limits of a role (`alter role … set`) do not apply through SET ROLE, so each request brings them.
    statement_timeout: STATEMENT_TIMEOUT,
    lock_timeout: LOCK_TIMEOUT,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT,
  };
  const userId = claims?.userId ?? null;
  const organizationId = scope.organizationId ?? claims?.organizationId ?? null;
  const facts: Record<string, string | null> = {
    "jwt.claims.sub": userId,
    "jwt.claims.sid": claims?.sessionId ?? null,
    "app.identity_issuer": claims?.identity?.issuer ?? null,
    "app.identity_subject": claims?.identity?.subject ?? null,
    "app.client_address": client?.addressHash ?? null,
    "app.client_device": client?.hash ?? null,
    "app.organization_id": organizationId,
    // The same two facts under the names that policies written for other systems read. `app.is_superadmin` is not among
    // them: nobody but the database knows it, see docs/tenancy.md.
    "app.current_user_id": userId,
    "app.current_org_id": organizationId,
    "app.clinic_id": scope.clinicId ?? claims?.clinicId ?? null,
    "app.purpose_of_use": scope.purposeOfUse,
  };
  // Also what is not known: nothing that a request before has left on the connection may stand in its place.
  for (const [name, value] of Object.entries(facts)) {
    settings[name] = value ?? "";
  }
  return settings;
}
