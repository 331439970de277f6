import { createHash } from "node:crypto";
import { closeSync, createWriteStream, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

import type { ClientBase } from "pg";

import { canonicalEvent, sha256 } from "./canonicalEvent.ts";
import { leafHash } from "./merkleTree.ts";
import { countOf, printRanges, type Ranges, rangesOf } from "./positions.ts";
import { readSealedEvents, readSeals } from "./readSeals.ts";
import { CHECKPOINT_COLUMNS, type SignedCheckpoint } from "./seals.ts";
import type { PartialSeal } from "./tombstones.ts";

/** One month of events: from its first moment up to, but without, the next month's. */
export interface Month {
  from: Date;
  until: Date;
}

/** What an export holds, as a tombstone says it. */
export interface MonthExport {
  eventCount: string;
  wholeCheckpoints: string;
  partialSeals: PartialSeal[];
  fileName: string;
  fileHash: string;
}

/** The checkpoints that cover events of a month, in order. */
export async function checkpointsOf(client: ClientBase, { from, until }: Month): Promise<SignedCheckpoint[]> {
  const { rows } = await client.query<SignedCheckpoint>(
    `select ${CHECKPOINT_COLUMNS}
     from (
       select e.timeline, min(e.transaction_id) as first, max(e.transaction_id) as last
       from app_audit.events e
       where e.occurred_at >= $1 and e.occurred_at < $2
       group by e.timeline
     ) e
     join app_audit.checkpoints c
       on c.timeline = e.timeline and c.first_transaction <= e.last and c.horizon > e.first
     order by c.sequence`,
    [from, until],
  );
  return rows;
}

/**
 * Writes the sealed events of a month into a file, one JSON object a line, compressed: the text that was hashed, and where it
 * stands in its seal. Returns when the file is whole and on the disk.
 *
 * @throws when an event is not what was sealed, or is not sealed; nothing is left behind then.
 */
export async function exportMonth(
  client: ClientBase,
  month: Month,
  { folder, fileName }: { folder: string; fileName: string },
): Promise<MonthExport> {
  const found: Found = { events: 0n, whole: [], partialSeals: [] };
  const file = join(folder, fileName);
  const hash = createHash("sha256");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    await pipeline(
      Readable.from(linesOf(client, month, found)),
      createGzip(),
      new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      }),
      createWriteStream(`${file}.new`, { mode: 0o600, flush: true }),
    );
    await demandAll(client, month, found.events);
    renameSync(`${file}.new`, file);
    syncFolder(dirname(file));
  } catch (error) {
    rmSync(`${file}.new`, { force: true });
    throw error;
  }
  return {
    eventCount: found.events.toString(),
    wholeCheckpoints: printRanges(rangesOf(found.whole)),
    partialSeals: found.partialSeals,
    fileName,
    fileHash: hash.digest("hex"),
  };
}

interface Found {
  events: bigint;
  whole: bigint[];
  partialSeals: PartialSeal[];
}

async function* linesOf(client: ClientBase, month: Month, found: Found): AsyncGenerator<string> {
  for (const checkpoint of await checkpointsOf(client, month)) {
    const seals = await readSeals(client, checkpoint.sequence);
    const index = new Map(
      seals.map(({ organizationId, leaves }) => [
        organizationId,
        new Map(leaves.map((leaf, position) => [leaf.toString("hex"), position])),
      ]),
    );
    const positions = new Map<string | null, number[]>();
    for await (const event of readSealedEvents(client, checkpoint, month)) {
      const { id, organizationId } = event;
      const text = canonicalEvent(event);
      const position = index.get(organizationId)?.get(leafHash(sha256(text)).toString("hex"));
      if (position === undefined) {
        throw new Error(`The event ${id} is not as it was sealed: see 'npx bailiwick audit verify'.`);
      }
      const members = positions.get(organizationId);
      if (members) {
        members.push(position);
      } else {
        positions.set(organizationId, [position]);
      }
      yield `${JSON.stringify({ checkpoint: checkpoint.sequence, organizationId, position, event: text })}\n`;
    }
    note(found, checkpoint, positions);
  }
}

/** Of a checkpoint that loses all its events, one number is enough. */
function note(
  found: Found,
  { sequence, eventCount }: SignedCheckpoint,
  positions: ReadonlyMap<string | null, readonly number[]>,
): void {
  const ranges = [...positions].map(([organizationId, members]): [string | null, Ranges] => [
    organizationId,
    rangesOf(members.toSorted((a, b) => a - b)),
  ]);
  const count = ranges.reduce((sum, [, members]) => sum + countOf(members), 0n);
  found.events += count;
  if (count === BigInt(eventCount)) {
    found.whole.push(BigInt(sequence));
  } else {
    found.partialSeals.push(
      ...ranges.map(([organizationId, members]) => [sequence, organizationId, printRanges(members)] as const),
    );
  }
}

async function demandAll(client: ClientBase, { from, until }: Month, sealed: bigint): Promise<void> {
  const { rows } = await client.query<{ count: string }>(
    "select count(*) from app_audit.events e where e.occurred_at >= $1 and e.occurred_at < $2",
    [from, until],
  );
  const count = BigInt(rows[0]?.count ?? 0);
  if (count !== sealed) {
    throw new Error(`${count - sealed} events of the month are not sealed yet.`);
  }
}

/** So that the name of the file is on the disk, too. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
