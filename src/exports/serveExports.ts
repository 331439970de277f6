import { pipeline } from "node:stream/promises";

import { type RequestHandler, Router } from "express";
import type { Pool } from "pg";

import type { Claims } from "../auth/claims.ts";
import type { Client } from "../auth/clientHash.ts";
import { pgSettings } from "../auth/pgSettings.ts";
import { NO_SCOPE } from "../auth/requestScope.ts";
import type { Config } from "../config.ts";
import { withPgSettings } from "../database/withTenant.ts";
import { AppError } from "../errors/AppError.ts";
import { classifyError } from "../errors/classifyError.ts";
import type { Door } from "../http/openDoor.ts";
import { currentRequestContext } from "../http/requestContext.ts";
import { acceptRequestId } from "../http/requestId.ts";
import { openExportFile } from "./exportFiles.ts";
import type { ExportFormat } from "./writeExport.ts";

const TOKEN = /^[0-9a-f]{64}$/;
const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: "text/csv; charset=utf-8",
  ndjson: "application/x-ndjson; charset=utf-8",
};

/** As `app_hidden.find_export_link` has it. */
interface Link {
  export_id: string;
  user_id: string;
  session_id: string | null;
  identity_issuer: string | null;
  identity_subject: string | null;
}

/** As `app_hidden.take_export` has it. */
interface Taken {
  kind: string;
  format: ExportFormat;
  byte_count: string;
  content_sha256: string;
  formatted_at: Date;
}

interface Parts {
  /** Connections of the gateway's login role. */
  pool: Pool;
  door: Pick<Door, "clientAddress" | "hashClient">;
}

/**
 * `GET /TOKEN`: an export's file, by a link of `createExportLink`. The token says whose link it is and to what; whether that
 * person still may is asked of the database as that person, each time. One answer, 404, for every link that does not work.
 */
export function makeExports({ exports: { folder } }: Pick<Config, "exports">, { pool, door }: Parts): Router {
  const send: RequestHandler = async (request, response) => {
    const token = request.params.token;
    if (request.method !== "GET") {
      throw new AppError("METHOD_NOT_ALLOWED");
    }
    if (typeof token !== "string" || !TOKEN.test(token)) {
      throw noSuchLink();
    }
    const client = door.hashClient(door.clientAddress(request), request.headers["user-agent"]);
    const { exportId, taken } = await take(pool, token, client);
    const sha256 = taken.content_sha256;
    const file = await openExportFile(folder, { exportId, sha256, byteCount: Number(taken.byte_count) });
    if (file === null) {
      throw new AppError("INTERNAL", undefined, {
        cause: new Error(`The file of export '${exportId}' is not (whole) in EXPORT_FOLDER.`),
      });
    }
    const day = taken.formatted_at.toISOString().slice(0, 10);
    response.setHeader("Content-Type", CONTENT_TYPES[taken.format]);
    response.setHeader("Content-Length", taken.byte_count);
    response.setHeader("Content-Disposition", `attachment; filename="${taken.kind}-${day}.${taken.format}"`);
    response.setHeader("Repr-Digest", `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:`);
    await pipeline(file.createReadStream(), response).catch((error: NodeJS.ErrnoException) => {
      // A client that leaves is no failure of ours.
      if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") {
        throw error;
      }
    });
  };
  return Router().all("/:token", send);
}

async function take(
  pool: Pool,
  token: string,
  client: Client | null,
): Promise<{ exportId: string; taken: Taken }> {
  const requestId = currentRequestContext()?.requestId ?? acceptRequestId(undefined);
  const one = async <Row extends object>(claims: Claims | null, sql: string, value: string) => {
    const settings = pgSettings(claims, NO_SCOPE, requestId, client);
    const { rows } = await withPgSettings(pool, settings, (connection) =>
      connection.query<Row>(sql, [value]),
    );
    if (!rows[0]) {
      throw noSuchLink();
    }
    return rows[0];
  };
  try {
    const link = await one<Link>(null, "select * from app_hidden.find_export_link($1)", token);
    const exportId = link.export_id;
    const taken = await one<Taken>(claimsOf(link), "select * from app_hidden.take_export($1)", exportId);
    return { exportId, taken };
  } catch (cause) {
    if (cause instanceof AppError) {
      throw cause;
    }
    const { code, message } = classifyError(cause, false);
    throw code === "UNAUTHENTICATED" || code === "SESSION_REVOKED"
      ? noSuchLink()
      : new AppError(code, message, { cause });
  }
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

function noSuchLink(): AppError {
  return new AppError("NOT_FOUND", "This link does not work (any more). Ask for a new one.");
}
