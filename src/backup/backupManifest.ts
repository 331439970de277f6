import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

import type { DatabaseContents } from "./readContents.ts";

/** What lies beside a backup: what a database that was restored from it must be. It holds no value of any row. */
export interface BackupManifest extends DatabaseContents {
  format: 1;
  madeAt: string;
  /** The version of the pg_dump that made it. */
  pgDump: string;
  size: number;
  /** Of the file, in lower-case hex. */
  sha256: string;
}

/** Where the manifest of a backup lies. */
export const manifestFileOf = (file: string) => `${file}.json`;

/** Reads the manifest of a backup. Throws where there is none, or something else. */
export async function readManifest(file: string): Promise<BackupManifest> {
  const manifestFile = manifestFileOf(file);
  const text = await readFile(manifestFile, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === "ENOENT"
        ? "there is none. 'backup create' writes it last, so without one the backup is not whole, or was moved without it"
        : cause.message;
    throw new Error(`Cannot read the manifest '${manifestFile}': ${why}.`, { cause });
  });
  const manifest = parse(text);
  if (!isManifest(manifest)) {
    throw new Error(
      `'${manifestFile}' is no manifest of 'backup create', or one of another release: it must be a JSON object of format 1.`,
    );
  }
  return manifest;
}

/** @returns what is wrong with the file as a sentence; null when it is the one that was written. */
export async function fileProblem(
  file: string,
  { sha256, size }: Pick<BackupManifest, "sha256" | "size">,
): Promise<string | null> {
  const found = await stat(file).catch(() => null);
  if (!found?.isFile()) {
    return `There is no file '${file}'.`;
  }
  if (found.size !== size) {
    return `'${file}' has ${found.size} bytes, and had ${size} when it was written: it is not whole.`;
  }
  return (await hashOf(file)) === sha256
    ? null
    : `'${file}' was changed since it was written: its SHA-256 is not the manifest's. Take another copy.`;
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isManifest(value: unknown): value is BackupManifest {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const { format, sha256, size, postgres, pgDump, database, migration, catalog, rows } =
    value as Partial<BackupManifest>;
  const areTexts = [sha256, postgres, pgDump, database, catalog].every((field) => typeof field === "string");
  return (
    format === 1 &&
    areTexts &&
    typeof size === "number" &&
    typeof migration?.file === "string" &&
    typeof migration.hash === "string" &&
    typeof rows === "object" &&
    Object.values(rows ?? {}).every((count) => typeof count === "number")
  );
}
