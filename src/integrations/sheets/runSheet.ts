import type { ClientBase } from "pg";

import type { CredentialBox } from "../credentials.ts";
import { type OpenSheet, openSheet } from "./openSheet.ts";
import { parseServiceAccount, parseSheetSettings } from "./parseSheetSettings.ts";
import { SheetProblem } from "./SheetProblem.ts";

export interface RunParts {
  /** One transaction as the worker, which sees one organization. */
  inTenant: <T>(work: (client: ClientBase) => Promise<T>) => Promise<T>;
  /** Opens what is sealed for integration_credentials; null where the installation has no key. */
  box: CredentialBox | null;
  /** In place of Google's own address. */
  apiUrl: string | null;
  signal: AbortSignal;
}

export interface Run {
  id: string;
  integrationId: string;
  /** How far the syncs into this sheet have come, written like a mark; null: not begun. */
  cursorAt: string | null;
  cursorId: string | null;
  sheet: OpenSheet;
}

export interface RunEnd {
  rowsRead?: number;
  rowsRemoved?: number;
  /** A sentence for people; null when all went well. */
  failure: string | null;
  /** Lets the next sync begin from the start. */
  startsOver?: boolean;
}

interface RunRow {
  run_id: string;
  settings: unknown;
  cursor_at: string | null;
  cursor_id: string | null;
  key_id: string | null;
  nonce: Buffer;
  ciphertext: Buffer;
}

/**
 * Runs one sync or comparison with its record (integrations/sync_runs.sql): however it goes, the record says so.
 *
 * @returns false when there is no such integration to run in the organization.
 * @throws SheetProblem that is transient, after it is on record: then the job may be tried again.
 */
export async function runSheet(
  integrationId: string,
  kind: "sync" | "validation",
  parts: RunParts,
  work: (run: Run) => Promise<RunEnd>,
): Promise<boolean> {
  const row = await parts.inTenant(async (client) => {
    const { rows } = await client.query<RunRow>(
      `select run_id, settings, to_char(cursor_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as cursor_at,
         cursor_id, key_id, nonce, ciphertext
       from app_hidden.begin_run($1::uuid, $2::app_public.integration_run_kind)`,
      [integrationId, kind],
    );
    return rows[0];
  });
  if (row === undefined) {
    return false;
  }
  try {
    const sheet = await openSheet({
      target: parseSheetSettings(row.settings),
      account: parseServiceAccount(openSecret(integrationId, row, parts.box)),
      apiUrl: parts.apiUrl,
      signal: parts.signal,
    });
    const cursor = { cursorAt: row.cursor_at, cursorId: row.cursor_id };
    await endRun(parts, row.run_id, await work({ id: row.run_id, integrationId, ...cursor, sheet }));
    return true;
  } catch (error) {
    parts.signal.throwIfAborted();
    if (!(error instanceof SheetProblem)) {
      throw error;
    }
    await endRun(parts, row.run_id, { failure: error.message });
    if (error.isTransient) {
      throw error;
    }
    return true;
  }
}

function openSecret(integrationId: string, row: RunRow, box: CredentialBox | null): string {
  if (row.key_id === null) {
    throw new SheetProblem("The integration is not connected.");
  }
  if (box === null) {
    throw new SheetProblem("This installation has no key for the secrets of integrations.");
  }
  try {
    const { key_id: keyId, nonce, ciphertext } = row;
    return box.open(integrationId, { keyId, nonce, ciphertext });
  } catch {
    throw new SheetProblem("The secret cannot be opened any more: connect the integration again.");
  }
}

async function endRun({ inTenant }: RunParts, runId: string, end: RunEnd): Promise<void> {
  const { rowsRead = 0, rowsRemoved = 0, failure, startsOver = false } = end;
  await inTenant((client) =>
    client.query("select app_hidden.end_run($1::uuid, $2, $3, $4, $5)", [
      runId,
      rowsRead,
      rowsRemoved,
      failure,
      startsOver,
    ]),
  );
}
