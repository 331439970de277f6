import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";

import { PROJECT_ROOT } from "../config.ts";
import { splitStatements } from "../database/findFailingStatement.ts";
import { sha256 } from "../documents/sha256.ts";
import { BackfillMistake } from "./BackfillMistake.ts";

/** A data migration as its file declares it. */
export interface Backfill {
  /** The name of its file, for example `tidy_patient_addresses`. */
  name: string;
  file: string;
  /** The sentence that is true when it has run. */
  title: string;
  /** Qualified, for example `app_public.patients`. */
  table: string;
  batchSize: number;
  /** The whole file, without a semicolon at its end: positions in errors are those in the file. */
  sql: string;
  /** Of the file, so that a run is not gone on with by another statement than it began with. */
  hash: string;
}

export const BACKFILLS_FOLDER = join(PROJECT_ROOT, "migrations/backfills");
export const MAXIMUM_BATCH = 10_000;

const DEFAULT_BATCH = 500;
const FILE = /^([a-z][a-z0-9_]*)\.sql$/;
const HEADER = /^-- (.+)\n-- Table: ([a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*)\n(?:-- Batch: (\d+)\n)?/;
const BATCH_PARAMETER = "$1";

/** The names of the backfills in a folder, sorted. */
export async function backfillNames(folder: string): Promise<string[]> {
  const files = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`Cannot read the folder of backfills '${folder}' (${cause.code})`, { cause });
  });
  return files.flatMap((file) => FILE.exec(file)?.[1] ?? []).sort();
}

/** Reads one backfill; throws with a sentence when there is none of that name, or its file is not as it has to be. */
export async function readBackfill(folder: string, name: string): Promise<Backfill> {
  const names = await backfillNames(folder);
  if (!names.includes(name)) {
    const known = names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;
    throw new BackfillMistake(
      `There is no backfill '${name}' in ${relative(PROJECT_ROOT, folder)}: ${known}.`,
    );
  }
  const file = join(folder, `${name}.sql`);
  return parseBackfill(name, file, await readFile(file, "utf8"));
}

function parseBackfill(name: string, file: string, text: string): Backfill {
  const [, title, table, batch] = HEADER.exec(text) ?? [];
  if (title === undefined || table === undefined) {
    throw new BackfillMistake(
      `The backfill '${name}' must start with a sentence, '-- Table: schema.table' and maybe '-- Batch: 500'.`,
    );
  }
  const batchSize = Number(batch ?? DEFAULT_BATCH);
  if (batchSize < 1 || batchSize > MAXIMUM_BATCH) {
    throw new BackfillMistake(
      `The batch of the backfill '${name}' must be from 1 to ${MAXIMUM_BATCH} rows; got '${batch}'.`,
    );
  }
  const [statement, ...others] = splitStatements(text);
  if (statement === undefined || others.length > 0) {
    throw new BackfillMistake(
      `The backfill '${name}' must be one query; it has ${statement === undefined ? 0 : others.length + 1}.`,
    );
  }
  // From the file's beginning on: a position in an error is then one in the file.
  const sql = text.slice(0, statement.start + statement.text.length).replace(/;$/, "");
  if (!sql.includes(BATCH_PARAMETER)) {
    throw new BackfillMistake(
      `The backfill '${name}' must read the rows of its batch only: where … = any (${BATCH_PARAMETER}::uuid[]).`,
    );
  }
  return { name, file, title, table, batchSize, sql, hash: sha256(text) };
}
