import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

import type { Client } from "pg";

import { copyRows } from "../copyRows.ts";
import { csvRows } from "../csvRows.ts";
import { FieldReader } from "./FieldReader.ts";
import { SYNTHEA_FILES, type SyntheaFile } from "./syntheaFiles.ts";

export interface SyntheaExport {
  files: { file: SyntheaFile; path: string }[];
  totalBytes: number;
}

/** Finds the files of an export; throws when the folder is none. */
export async function findExport(folder: string): Promise<SyntheaExport> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    const reason =
      { ENOENT: "there is no such folder", ENOTDIR: "it is not a folder" }[cause.code ?? ""] ?? cause.message;
    throw new Error(`Cannot read '${folder}': ${reason}`, { cause });
  });
  const missing = SYNTHEA_FILES.filter(({ name, isOptional }) => !isOptional && !names.includes(name));
  if (missing.length > 0) {
    const lacks = missing.map(({ name }) => name).join(", ");
    throw new Error(
      `'${folder}' is not the folder of a Synthea CSV export: it lacks ${lacks}. Synthea writes them to output/csv.`,
    );
  }
  const present = SYNTHEA_FILES.filter(({ name }) => names.includes(name));
  const files = present.map((file) => ({ file, path: join(folder, file.name) }));
  const sizes = await Promise.all(files.map(async ({ path }) => (await stat(path)).size));
  return { files, totalBytes: sizes.reduce((sum, size) => sum + size, 0) };
}

export interface StageOptions {
  signal?: AbortSignal;
  /** Called with the fraction of all bytes read so far, 0 to 1, and the file being read. */
  onProgress?: (fraction: number, fileName: string) => void;
}

/**
 * Reads the export into temporary tables that end with the transaction. A row with a value that does not fit is staged
 * with the reason, to be rejected; a row that is no CSV fails the import.
 */
export async function stageExport(
  client: Client,
  { files, totalBytes }: SyntheaExport,
  { signal, onProgress }: StageOptions,
): Promise<void> {
  for (const { table, staged } of SYNTHEA_FILES) {
    const columns = Object.entries(staged).map(([name, type]) => `${name} ${type}`);
    await client.query(
      `create temporary table ${table} (line integer not null, reason text, detail text, ${columns.join(", ")})
       on commit drop`,
    );
  }
  let readBytes = 0;
  for (const { file, path } of files) {
    const onBytes = (count: number) => {
      readBytes += count;
      onProgress?.(readBytes / totalBytes, file.name);
    };
    const columns = ["line", "reason", "detail", ...Object.keys(file.staged)];
    await copyRows(
      client,
      { table: file.table, columns },
      stagedRows(file, path, { signal, onBytes }),
      signal,
    );
  }
  for (const { table } of SYNTHEA_FILES) {
    // Nothing else counts the rows of a temporary table, and the plans that follow depend on it.
    await client.query(`analyze ${table}`);
  }
}

async function* stagedRows(
  file: SyntheaFile,
  path: string,
  options: { signal?: AbortSignal; onBytes: (count: number) => void },
) {
  const fields = new FieldReader(file.columns);
  for await (const { line, values } of csvRows({ path, columns: file.columns, ...options })) {
    fields.start(values);
    const row = file.read(fields);
    yield [line, fields.problem?.reason ?? null, fields.problem?.detail ?? null, ...row];
  }
}
