import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { Readable } from "node:stream";

import { type Client, DatabaseError } from "pg";

import { withClient } from "../database/withClient.ts";
import { INSUFFICIENT_PRIVILEGE } from "../errors/sqlStates.ts";
import { type BackupManifest, manifestFileOf } from "./backupManifest.ts";
import {
  findPostgresProgram,
  majorOf,
  type PostgresProgram,
  type ProgramPlaces,
  readServerVersion,
} from "./findPostgresProgram.ts";
import { libpqEnvironment } from "./libpqEnvironment.ts";
import { EXTENSIONS_SCHEMA, readContents } from "./readContents.ts";
import { runPostgresProgram } from "./runPostgresProgram.ts";

export interface BackupOptions {
  /** Connection of `app_backup`. */
  url: string;
  /** Where to; it must not be there yet. */
  file: string;
  places: ProgramPlaces;
  signal?: AbortSignal;
  /** Called with what is being done. */
  onStep?: (step: string) => void;
}

const OWNER_ONLY = 0o600;
/** Rather no backup than one that waits behind a migration and lets every request wait behind it. */
const LOCK_TIMEOUT = "60s";
const BEGIN = `\
begin isolation level repeatable read read only;
set local lock_timeout to '${LOCK_TIMEOUT}';
set local statement_timeout to 0;
set local idle_in_transaction_session_timeout to 0`;

/**
 * Writes a dump of the database and its manifest, both of one moment. Until both are whole neither has its name, and where
 * anything fails or `signal` aborts, nothing is left.
 */
export async function createBackup({
  url,
  file,
  places,
  signal,
  onStep = () => undefined,
}: BackupOptions): Promise<BackupManifest> {
  for (const target of [file, manifestFileOf(file)]) {
    if (existsSync(target)) {
      throw new Error(`'${target}' is there already: name another file, no backup is written over.`);
    }
  }
  return withClient(
    url,
    async (client) => {
      const program = await findPostgresProgram("pg_dump", majorOf(await readServerVersion(client)), places);
      await client.query(BEGIN);
      const snapshot = await exportSnapshot(client);
      onStep("counting rows");
      const contents = await readContents(client).catch(explainRefusal);
      signal?.throwIfAborted();
      onStep("writing the dump");
      return writeWhole(file, async (dump, manifest) => {
        const written = await writeDump(dump, { url, program, snapshot, signal });
        const made: BackupManifest = {
          format: 1,
          madeAt: new Date().toISOString(),
          pgDump: program.version,
          ...written,
          ...contents,
        };
        await manifest.writeFile(`${JSON.stringify(made, null, 2)}\n`);
        return made;
      });
    },
    { applicationName: "bailiwick backup" },
  );
}

/** The transaction that exports it has to stay open until pg_dump has taken it over. */
async function exportSnapshot(client: Client): Promise<string> {
  const { rows } = await client.query<{ id: string }>("select pg_catalog.pg_export_snapshot() as id");
  return rows[0]?.id ?? "";
}

/** Row security that would hide rows is refused by the same code as a missing grant. */
function explainRefusal(error: Error): never {
  throw error instanceof DatabaseError && error.code === INSUFFICIENT_PRIVILEGE
    ? new Error(
        `${error.message}: a backup without these rows would look whole, so none is written. The connection must be that of ` +
          "app_backup (BACKUP_DATABASE_URL), to which 'npx bailiwick migrate up' gives BYPASSRLS and the right to read every table.",
        { cause: error },
      )
    : error;
}

/** Opens both files under other names, and gives them theirs when `fill` is done and they are on disk; the manifest last. */
async function writeWhole<T>(
  file: string,
  fill: (dump: FileHandle, manifest: FileHandle) => Promise<T>,
): Promise<T> {
  const targets = [file, manifestFileOf(file)];
  const parts = targets.map((target) => `${target}.${process.pid}.partial`);
  const handles: FileHandle[] = [];
  try {
    for (const part of parts) {
      handles.push(await open(part, "wx", OWNER_ONLY));
    }
    const [dump, manifest] = handles as [FileHandle, FileHandle];
    const result = await fill(dump, manifest);
    for (const handle of handles) {
      await handle.sync();
    }
    for (const [index, part] of parts.entries()) {
      await rename(part, targets[index] ?? part);
    }
    return result;
  } catch (error) {
    // Both names were free when this began, and are ours.
    await Promise.all([...parts, ...targets].map((path) => rm(path, { force: true })));
    throw error;
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

async function writeDump(
  dump: FileHandle,
  {
    url,
    program,
    snapshot,
    signal,
  }: { url: string; program: PostgresProgram; snapshot: string; signal?: AbortSignal },
): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  let size = 0;
  await runPostgresProgram(program, {
    args: [
      "--format=custom",
      "--no-password",
      `--exclude-schema=${EXTENSIONS_SCHEMA}`,
      `--lock-wait-timeout=${LOCK_TIMEOUT}`,
      `--snapshot=${snapshot}`,
    ],
    env: libpqEnvironment(url, "bailiwick backup"),
    signal,
    // Not into a file of pg_dump's own: it would go on with that when this process is killed.
    read: async (output: Readable) => {
      for await (const piece of output as AsyncIterable<Buffer>) {
        hash.update(piece);
        size += piece.length;
        await dump.writeFile(piece);
      }
    },
  });
  return { size, sha256: hash.digest("hex") };
}
