import { type Client, DatabaseError } from "pg";

import { type BackupManifest, fileProblem, readManifest } from "../backup/backupManifest.ts";
import type { RanMigration } from "../backup/readContents.ts";
import type { Environment } from "../config.ts";
import { INSUFFICIENT_PRIVILEGE } from "../errors/sqlStates.ts";

/** What the operator says of backups. */
export interface BackupStatement {
  /** Of `backup create`. */
  file: string | null;
  /** How old it may be. */
  hours: number;
  /** Something else has one. */
  withoutBackup: boolean;
}

/** The way back from a migration: a file that was looked at, or why none was. */
export type BackupReliedOn = { file: string; sha256: string; madeAt: string } | { none: string };

interface Situation {
  environment: Environment;
  /** The migration that ran last; null where none did. */
  last: RanMigration | null;
  pending: readonly string[];
}

/** Milliseconds. */
const HOUR = 3_600_000;
/** By how much the clock of the machine that made it may be ahead. */
const CLOCKS_DIFFER = 300_000;
const CREATE = "Make one by 'npx bailiwick backup create FILE'";

/**
 * Holds pending migrations to a backup of just this database: in production, and once it holds an organization. One that is
 * named is looked at wherever there is something to lose. Reads only.
 *
 * @throws one sentence that says what to do, where there is none to rely on.
 */
export async function assertBackedUp(
  client: Client,
  { file, hours, withoutBackup }: BackupStatement,
  { environment, last, pending }: Situation,
): Promise<BackupReliedOn> {
  if (withoutBackup) {
    return { none: "--without-backup: the operator says that something else has one" };
  }
  if (last === null || !(await holdsData(client))) {
    return { none: "the database holds no organization yet" };
  }
  if (file === null) {
    if (environment !== "production") {
      return { none: `none is asked for with NODE_ENV=${environment}` };
    }
    throw new Error(
      `Nothing was changed: this database holds data and ${pending.join(", ")} would run, so name a backup of it by --backup FILE ` +
        "('npx bailiwick backup create FILE' makes one), or say --without-backup where something else has one, such as a snapshot.",
    );
  }
  const manifest = await readManifest(file);
  const problem =
    ageProblem(manifest, hours) ??
    (await originProblem(client, manifest, last)) ??
    (await fileProblem(file, manifest));
  if (problem !== null) {
    throw new Error(`Nothing was changed, because of the backup '${file}': ${problem}`);
  }
  return { file, sha256: manifest.sha256, madeAt: manifest.madeAt };
}

/** Row security that hides rows is an error here, and no answer. */
async function holdsData(client: Client): Promise<boolean> {
  return inSnapshot(client, async () => {
    const { rows: tables } = await client.query<{ isThere: boolean }>(
      `select to_regclass('app_public.organizations') is not null as "isThere"`,
    );
    if (!tables[0]?.isThere) {
      return false;
    }
    const { rows } = await client.query<{ found: boolean }>(
      "select exists (select from app_public.organizations) as found",
    );
    return rows[0]?.found === true;
  });
}

function ageProblem({ madeAt }: BackupManifest, hours: number): string | null {
  const age = Date.now() - Date.parse(madeAt);
  return age <= hours * HOUR && age >= -CLOCKS_DIFFER
    ? null
    : `it is of ${madeAt}, and may be ${hours} hours old (--backup-age). ${CREATE}.`;
}

/** Its name, its last migration, and where its audit was sealed before, a checkpoint that no other database has. */
async function originProblem(
  client: Client,
  { database, migration, checkpoint, checkpointRoot }: BackupManifest,
  last: RanMigration,
): Promise<string | null> {
  return inSnapshot(client, async () => {
    const { rows: names } = await client.query<{ name: string }>("select current_database()::text as name");
    const name = names[0]?.name;
    if (name !== database) {
      return `it is of the database '${database}', and this is '${name}'. ${CREATE}.`;
    }
    if (migration.file !== last.file || migration.hash !== last.hash) {
      return `it is of another state: ${migration.file} had run last there, and ${last.file} here, or the same with another hash. ${CREATE}.`;
    }
    if (checkpoint === null) {
      return null;
    }
    const { rows } = await client.query<{ root: string }>(
      "select encode(c.root, 'hex') as root from app_audit.checkpoints c where c.sequence = $1",
      [checkpoint],
    );
    return rows[0]?.root === checkpointRoot
      ? null
      : `it is of another database of this name: its audit's checkpoint ${checkpoint} is not here. ${CREATE}.`;
  });
}

async function inSnapshot<T>(client: Client, read: () => Promise<T>): Promise<T> {
  await client.query("begin isolation level repeatable read read only; set local row_security to off");
  try {
    return await read();
  } catch (error) {
    throw error instanceof DatabaseError && error.code === INSUFFICIENT_PRIVILEGE
      ? new Error(
          `Nothing was changed: the role of DATABASE_URL cannot see whether there is something to lose (${error.message}); ` +
            "use an administrator's that reads every row, or say --without-backup.",
          { cause: error },
        )
      : error;
  } finally {
    await client.query("rollback");
  }
}
