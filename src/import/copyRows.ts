import { pipeline } from "node:stream/promises";

import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";

export type CopyRow = readonly (string | number | null)[];

export interface CopyTarget {
  /** Qualified and quoted as SQL wants it. */
  table: string;
  columns: readonly string[];
}

const CHUNK_LENGTH = 64 * 1024;

/** Streams rows into a table; holds one chunk of them in memory. A row that throws fails the whole COPY. */
export async function copyRows(
  client: Client,
  { table, columns }: CopyTarget,
  rows: AsyncIterable<CopyRow>,
  signal?: AbortSignal,
): Promise<void> {
  const sink = client.query(copyFrom(`copy ${table} (${columns.join(", ")}) from stdin`));
  await pipeline(chunks(rows), sink, { signal });
}

async function* chunks(rows: AsyncIterable<CopyRow>): AsyncGenerator<string> {
  let chunk = "";
  for await (const row of rows) {
    chunk += `${row.map(copyText).join("\t")}\n`;
    if (chunk.length >= CHUNK_LENGTH) {
      yield chunk;
      chunk = "";
    }
  }
  if (chunk !== "") {
    yield chunk;
  }
}

const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function copyText(value: string | number | null): string {
  return value === null ? "\\N" : String(value).replace(/[\\\t\n\r]/g, (found) => ESCAPES[found] ?? found);
}
