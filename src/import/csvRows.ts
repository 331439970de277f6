import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream";

import { CsvError, type Info, parse } from "csv-parse";

export interface CsvRow {
  /** The line of the file on which the row ends; the header is line 1. */
  line: number;
  /** The values of the columns asked for, in that order. */
  values: string[];
}

export interface CsvOptions {
  path: string;
  /** Names of columns, in upper case; the file may hold others, and in any order. */
  columns: readonly string[];
  signal?: AbortSignal;
  /** Called with how many bytes were read since the last call. */
  onBytes?: (count: number) => void;
}

/** A quote that is never closed would otherwise make one record of the rest of the file. */
const MAXIMUM_RECORD_BYTES = 1024 * 1024;

/** What the file cannot hold: the replacement character stands for bytes that are not UTF-8, Postgres refuses NUL. */
const BROKEN_TEXT = /[\uFFFD\0]/;

/**
 * The rows of a CSV file, one after the other and never the whole file.
 *
 * @throws with `file:line` at a missing column and at the first row that is no CSV.
 */
export async function* csvRows({ path, columns, signal, onBytes }: CsvOptions): AsyncGenerator<CsvRow> {
  const name = basename(path);
  const source = createReadStream(path, { signal });
  source.on("data", (chunk) => onBytes?.(chunk.length));
  const parser = parse({
    bom: true,
    info: true,
    skip_empty_lines: true,
    max_record_size: MAXIMUM_RECORD_BYTES,
  });
  // A failure of either destroys the other, and reaches the loop below.
  pipeline(source, parser, () => undefined);
  let line = 0;
  let indexes: number[] | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      line = info.lines;
      if (indexes === undefined) {
        indexes = columnIndexes(name, record, columns);
        continue;
      }
      if (record.some((value) => BROKEN_TEXT.test(value))) {
        throw new Error(`${name}:${line}: the row must be UTF-8 text; it holds other bytes`);
      }
      yield { line, values: indexes.map((index) => record[index] ?? "") };
    }
  } catch (error) {
    throw error instanceof CsvError ? brokenRow(name, line, error) : error;
  }
  if (indexes === undefined) {
    throw new Error(`${name} is empty; its first line must name the columns ${columns.join(", ")}`);
  }
}

function columnIndexes(name: string, header: string[], columns: readonly string[]): number[] {
  const found = header.map((column) => column.trim().toUpperCase());
  const missing = columns.filter((column) => !found.includes(column));
  if (missing.length > 0) {
    throw new Error(`${name}:1 lacks the column ${missing.join(", ")}; it has ${found.join(", ")}`);
  }
  return columns.map((column) => found.indexOf(column));
}

/** The parser quotes the row in its messages, and rows hold patients: only the kind of mistake is passed on. */
function brokenRow(name: string, lastLine: number, error: CsvError): Error {
  const { code, lines } = error as CsvError & { lines?: number };
  if (code === "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH") {
    return new Error(`${name}:${lines ?? lastLine + 1}: the row must have as many fields as the header`);
  }
  return new Error(
    `${name}:${lastLine + 1}: the row is no CSV; a quote stands in a wrong place or is never closed`,
  );
}
