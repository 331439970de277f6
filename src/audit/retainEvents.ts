import type { ClientBase } from "pg";

import { readAnchors } from "./anchors.ts";
import { checkpointsOf, exportMonth, type Month } from "./exportMonth.ts";
import { isOldEnough } from "./removedEvents.ts";
import { SEALER_LOCK } from "./sealEvents.ts";
import type { KeyRing, SigningKey } from "./signingKeys.ts";
import { appendTombstone, type SignedTombstone } from "./tombstones.ts";
import { verifyAudit } from "./verifyAudit.ts";

/** Not the sealer's: sealing goes on meanwhile. */
const RETENTION_LOCK = SEALER_LOCK + 1;

export interface OldMonth extends Month {
  /** Until when the last of the organizations that have events in it keeps it. */
  keepUntil: Date;
  /** A legal hold stands on one of them. */
  isHeld: boolean;
}

export interface RetainOptions {
  key: SigningKey;
  keys: KeyRing;
  anchorFile: string;
  exportFolder: string;
  /** Part of the names of the files. */
  databaseName: string;
  /** By which clock seals are six years old; this machine's when absent. The database's decides about events. */
  now?: Date;
}

/** The months whose events are six years old, oldest first, and what still keeps them. */
export async function readOldMonths(client: ClientBase): Promise<OldMonth[]> {
  const { rows } = await client.query<OldMonth>(
    `select o.covers_from as "from", o.covers_until as until, o.keep_until as "keepUntil", o.is_held as "isHeld"
     from app_audit.old_months() o`,
  );
  return rows;
}

/** Of these, those that may go now by what the database says. */
export function removable(months: readonly OldMonth[], now: Date): OldMonth[] {
  return months.filter(({ keepUntil, isHeld }) => !isHeld && keepUntil <= now);
}

/**
 * Verifies the audit; then exports, month by month, what has been kept long enough, leaves a tombstone of it and removes it.
 * A crash on the way leaves a file that the next time overwrites, or nothing.
 *
 * @param client a connection of `app_sealer`, outside of a transaction.
 * @returns the new tombstones; none when there is nothing to remove, or somebody else is at it.
 * @throws when the audit is not as it was sealed: nothing is removed then.
 */
export async function retainEvents(client: ClientBase, options: RetainOptions): Promise<SignedTombstone[]> {
  const now = options.now ?? new Date();
  const { rows } = await client.query<{ isMine: boolean }>(
    `select pg_try_advisory_lock(${RETENTION_LOCK}) as "isMine"`,
  );
  if (!rows[0]?.isMine) {
    return [];
  }
  try {
    const months = removable(await readOldMonths(client), now);
    const due = [];
    for (const month of months) {
      const checkpoints = await checkpointsOf(client, month);
      if (checkpoints.every((checkpoint) => isOldEnough(checkpoint, now))) {
        due.push(month);
      }
    }
    if (due.length > 0) {
      await demandIntact(client, options);
    }
    const tombstones: SignedTombstone[] = [];
    for (const month of due) {
      tombstones.push(await removeMonth(client, month, options));
    }
    return tombstones;
  } finally {
    await client.query(`select pg_advisory_unlock(${RETENTION_LOCK})`);
  }
}

/** What was tampered with stays, as evidence. */
async function demandIntact(client: ClientBase, { keys, anchorFile, now }: RetainOptions): Promise<void> {
  const { problem } = await inTransaction(client, "repeatable read read only", () =>
    verifyAudit(client, { keys, anchors: readAnchors(anchorFile), ...(now && { now }) }),
  );
  if (problem) {
    throw new Error(
      `The audit is not as it was sealed, and nothing is removed from it: ${problem.message} See 'npx bailiwick audit verify'.`,
    );
  }
}

async function removeMonth(
  client: ClientBase,
  month: OldMonth,
  { key, exportFolder, databaseName, now = new Date() }: RetainOptions,
): Promise<SignedTombstone> {
  const fileName = `${databaseName}-events-${month.from.toISOString().slice(0, 7)}.ndjson.gz`;
  const exported = await inTransaction(client, "repeatable read read only", () =>
    exportMonth(client, month, { folder: exportFolder, fileName }),
  );
  return inTransaction(client, "read committed", async () => {
    const tombstone = await appendTombstone(
      client,
      {
        ...exported,
        coversFrom: micros(month.from),
        coversUntil: micros(month.until),
        removedAt: micros(now),
      },
      key,
    );
    await client.query("select app_audit.remove_month($1)", [month.from]);
    return tombstone;
  });
}

function micros(time: Date): string {
  return (BigInt(time.getTime()) * 1000n).toString();
}

async function inTransaction<T>(client: ClientBase, mode: string, work: () => Promise<T>): Promise<T> {
  await client.query(`begin isolation level ${mode}`);
  try {
    const result = await work();
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}
