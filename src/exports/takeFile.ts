import type { FileHandle } from "node:fs/promises";

import type { Pool, PoolClient } from "pg";

import type { Claims } from "../auth/claims.ts";
import type { Client } from "../auth/clientHash.ts";
import { pgSettings } from "../auth/pgSettings.ts";
import { NO_SCOPE } from "../auth/requestScope.ts";
import type { ConnectionGate } from "../database/ConnectionGate.ts";
import { enterGate } from "../database/exclusiveConnections.ts";
import { withPgSettings } from "../database/withTenant.ts";
import { AppError } from "../errors/AppError.ts";
import { classifyError } from "../errors/classifyError.ts";
import { currentRequestContext } from "../http/requestContext.ts";
import { acceptRequestId } from "../http/requestId.ts";

/** As `app_hidden.find_export_link` has it. */
interface Link {
  /** Of an export, or else of a report. */
  export_id: string | null;
  report_id: string | null;
  report_format: "html" | "csv" | null;
  user_id: string;
  session_id: string | null;
  identity_issuer: string | null;
  identity_subject: string | null;
}

/** As `app_hidden.take_export` and `take_report` have it. */
export interface Taken {
  kind: string;
  format: "csv" | "ndjson" | "html";
  byte_count: string;
  content_sha256: string;
  formatted_at: Date;
}

export interface LinkConnections {
  /** Connections of the gateway's login role. */
  pool: Pool;
  /** The one that requests of the API wait at: a link does not get past them. */
  gate: Pick<ConnectionGate, "enter">;
}

/**
 * What a link leads to. The token says whose link it is; whether that person still may is asked of the database as that
 * person, each time. What they take is on record only once `open` has opened it: where there is nothing to send, the
 * transaction that said so is rolled back.
 *
 * @throws NOT_FOUND for every link that does not work, UNAVAILABLE when there is no connection in time.
 */
export async function takeFile(
  { pool, gate }: LinkConnections,
  token: string,
  client: Client | null,
  open: (fileId: string, taken: Taken) => Promise<FileHandle>,
): Promise<{ file: FileHandle; taken: Taken }> {
  const request = currentRequestContext();
  const requestId = request?.requestId ?? acceptRequestId(undefined);
  const asPerson = async <T>(claims: Claims | null, work: (connection: PoolClient) => Promise<T>) => {
    const settings = pgSettings(claims, NO_SCOPE, requestId, client);
    const leave = await enterGate(gate, settings);
    try {
      return await withPgSettings(pool, settings, work);
    } finally {
      leave();
    }
  };
  let file: FileHandle | undefined;
  try {
    const link = await asPerson(null, (connection) =>
      one<Link>(connection, "select * from app_hidden.find_export_link($1)", [token]),
    );
    const [fileId, sql, values] = statementOf(link);
    return await asPerson(claimsOf(link), async (connection) => {
      const taken = await one<Taken>(connection, sql, values);
      file = await open(fileId, taken);
      return { file, taken };
    });
  } catch (cause) {
    await file?.close();
    if (cause instanceof AppError) {
      throw cause;
    }
    const { code, message } = classifyError(cause, false);
    throw code === "UNAUTHENTICATED" || code === "SESSION_REVOKED"
      ? noSuchLink()
      : new AppError(code, message, { cause });
  }
}

async function one<Row extends object>(connection: PoolClient, sql: string, values: unknown[]): Promise<Row> {
  const { rows } = await connection.query<Row>(sql, values);
  if (!rows[0]) {
    throw noSuchLink();
  }
  return rows[0];
}

function statementOf({ export_id, report_id, report_format }: Link): [string, string, unknown[]] {
  if (export_id !== null) {
    return [export_id, "select * from app_hidden.take_export($1)", [export_id]];
  }
  if (report_id !== null) {
    return [report_id, "select * from app_hidden.take_report($1, $2)", [report_id, report_format]];
  }
  throw noSuchLink();
}

function claimsOf({ user_id, session_id, identity_issuer, identity_subject }: Link): Claims {
  const identity =
    identity_issuer !== null && identity_subject !== null
      ? { identity: { issuer: identity_issuer, subject: identity_subject } }
      : {};
  return {
    userId: user_id,
    sessionId: session_id,
    organizationId: null,
    clinicId: null,
    expiresAt: Number.MAX_SAFE_INTEGER,
    ...identity,
  };
}

/** One answer for every link that does not work. */
export function noSuchLink(): AppError {
  return new AppError("NOT_FOUND", "This link does not work (any more). Ask for a new one.");
}
