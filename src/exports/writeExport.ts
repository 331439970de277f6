import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { type Duplex, PassThrough, Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

import { stringify } from "csv-stringify";
import type { ClientBase } from "pg";

import { CSV_OPTIONS } from "./csvOptions.ts";

/** As `app_public.export_format`. */
export type ExportFormat = "csv" | "ndjson";

export interface WrittenExport {
  /** Of the file, by their names in the database; none where it has no records. */
  columns: readonly string[];
  rowCount: number;
  byteCount: number;
  /** In hexadecimal. */
  sha256: string;
}

export interface WriteOptions {
  exportId: string;
  format: ExportFormat;
  /** The file to make; it must not be there yet. */
  path: string;
  signal: AbortSignal;
  /** Told how many rows were read, now and then; false stops the writing. */
  onProgress(rowCount: number): Promise<boolean>;
  /** Milliseconds between two reports; a second unless told. */
  progressInterval?: number;
}

const BATCH = 1000;
/** Milliseconds. */
const PROGRESS_INTERVAL = 1000;

const OPEN = "select app_hidden.format_export_data($1) as portal";
const FETCH = `fetch forward ${BATCH} from export_rows`;

/** Thrown through the streams when `onProgress` says to stop. */
class Withdrawn extends Error {}

/**
 * Writes the records of an export into a file, batch by batch, so that memory does not grow with their number.
 *
 * @param client in a transaction of the person who asked; what they cannot read is not in the file. `app_hidden.record_export`
 *   is for the same transaction: it says whose records these were.
 * @returns null when `onProgress` said to stop.
 */
export async function writeExport(
  client: ClientBase,
  { exportId, format, path, signal, onProgress, progressInterval = PROGRESS_INTERVAL }: WriteOptions,
): Promise<WrittenExport | null> {
  await client.query(OPEN, [exportId]);
  let rowCount = 0;
  let columns: readonly string[] = [];
  async function* records(): AsyncGenerator<string> {
    let toldAt = Date.now();
    for (;;) {
      const { rows } = await client.query<{ record: string }>(FETCH);
      if (rows.length === 0) {
        return;
      }
      if (rowCount === 0 && rows[0]) {
        columns = Object.keys(JSON.parse(rows[0].record) as object);
      }
      for (const { record } of rows) {
        rowCount += 1;
        yield record;
      }
      if (Date.now() - toldAt >= progressInterval) {
        if (!(await onProgress(rowCount))) {
          throw new Withdrawn();
        }
        toldAt = Date.now();
      }
    }
  }
  const hash = createHash("sha256");
  let byteCount = 0;
  const meter = new PassThrough({
    transform(chunk: Buffer, _encoding, callback) {
      hash.update(chunk);
      byteCount += chunk.length;
      callback(null, chunk);
    },
  });
  const file = createWriteStream(path, { flags: "wx", mode: 0o600, flush: true });
  try {
    await pipeline([Readable.from(records()), ...formatters(format), meter, file], { signal });
  } catch (error) {
    if (error instanceof Withdrawn) {
      return null;
    }
    throw error;
  }
  return { columns, rowCount, byteCount, sha256: hash.digest("hex") };
}

function formatters(format: ExportFormat): Duplex[] {
  return format === "csv" ? csvFormatters() : [lineFormatter()];
}

/** A JSON text in each line, exactly as Postgres wrote it. */
function lineFormatter(): Duplex {
  return new Transform({
    writableObjectMode: true,
    transform: (record: string, _encoding, callback) => callback(null, `${record}\n`),
  });
}

/**
 * Numbers stay numbers: those of these tables have at most 14 digits, which JavaScript keeps exactly.
 */
function csvFormatters(): Duplex[] {
  const parse = new Transform({
    objectMode: true,
    transform: (record: string, _encoding, callback) => callback(null, JSON.parse(record)),
  });
  return [parse, stringify(CSV_OPTIONS)];
}
