import type { ClientBase } from "pg";

import type { Anchor } from "./anchors.ts";
import { CHECKPOINT_COLUMNS, checkpointHash, type SignedCheckpoint } from "./seals.ts";

export type Anchors = Iterable<Anchor> | AsyncIterable<Anchor>;

/** What anchors say of the checkpoints of a database; numbers of checkpoints. */
export interface AnchorFindings {
  /** How many anchors there were. */
  count: number;
  /** The highest one that an anchor knows; null without anchors. */
  newest: string | null;
  /** The lowest one that is another than an anchor knows. */
  differing: string | null;
  /** The first anchored one that is newer than the database's last. */
  beyond: string | null;
}

/** Anchors that are looked up at once. */
const PAGE = 1000;

/** Compares anchors, in whatever order and however many there are, with the checkpoints of their numbers. */
export async function compareAnchors(client: ClientBase, anchors: Anchors): Promise<AnchorFindings> {
  const { rows } = await client.query<{ end: string }>(
    "select coalesce(max(c.sequence), 0)::text as end from app_audit.checkpoints c",
  );
  const end = BigInt(rows[0]?.end ?? 0);
  let count = 0;
  let newest = 0n;
  let differing: bigint | null = null;
  let beyond: string | null = null;
  for await (const page of pagesOf(anchors)) {
    count += page.length;
    newest = page.reduce((max, { sequence }) => (BigInt(sequence) > max ? BigInt(sequence) : max), newest);
    beyond ??= page.find(({ sequence }) => BigInt(sequence) > end)?.sequence ?? null;
    for (const sequence of await differingOf(client, page)) {
      differing = differing === null || sequence < differing ? sequence : differing;
    }
  }
  return {
    count,
    newest: count === 0 ? null : newest.toString(),
    differing: differing?.toString() ?? null,
    beyond,
  };
}

async function differingOf(client: ClientBase, anchors: readonly Anchor[]): Promise<bigint[]> {
  const { rows } = await client.query<SignedCheckpoint>(
    `select ${CHECKPOINT_COLUMNS} from app_audit.checkpoints c where c.sequence = any ($1::bigint[])`,
    [anchors.map(({ sequence }) => sequence)],
  );
  const hashes = new Map(rows.map((row) => [row.sequence, checkpointHash(row).toString("hex")]));
  return anchors
    .filter(({ sequence, hash }) => hashes.has(sequence) && hashes.get(sequence) !== hash)
    .map(({ sequence }) => BigInt(sequence));
}

async function* pagesOf(anchors: Anchors): AsyncGenerator<Anchor[]> {
  let page: Anchor[] = [];
  for await (const anchor of anchors) {
    page.push(anchor);
    if (page.length === PAGE) {
      yield page;
      page = [];
    }
  }
  if (page.length > 0) {
    yield page;
  }
}
