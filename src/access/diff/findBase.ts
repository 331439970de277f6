import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { PROJECT_ROOT } from "../../config.ts";

/** A database that is there; it is read and never written. */
export interface DatabaseBase {
  kind: "database";
  title: string;
  url: string;
}

/** Migrations to build a database from. */
export interface MigrationsBase {
  kind: "migrations";
  title: string;
  migrationsFolder: string;
  setupFolder: string;
  /** The API as it was exported then; null to print what the database gives. */
  api: string | null;
}

/** The state that `access diff` compares with. */
export type Base = DatabaseBase | MigrationsBase;

const run = promisify(execFile);
const MIGRATIONS = join(PROJECT_ROOT, "migrations");
/** For the archive of the migrations. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Finds what a base names and lays it out in `folder`.
 *
 * @param given a database URL, the number or name of a committed migration, or a git revision.
 * @throws when it is none of them.
 */
export async function findBase(given: string, folder: string): Promise<Base> {
  if (/^postgres(ql)?:\/\//.test(given)) {
    return { kind: "database", title: "the given database", url: given };
  }
  const committed = (await readdir(join(MIGRATIONS, "committed")))
    .filter((name) => name.endsWith(".sql"))
    .sort();
  const last = committed.findIndex((name) => isNamed(name, given));
  if (last !== -1) {
    const migrationsFolder = join(folder, "migrations");
    await mkdir(join(migrationsFolder, "committed"), { recursive: true });
    await mkdir(join(migrationsFolder, "current"));
    for (const name of committed.slice(0, last + 1)) {
      await cp(join(MIGRATIONS, "committed", name), join(migrationsFolder, "committed", name));
    }
    await writeFile(join(migrationsFolder, "current/1-current.sql"), "");
    const title = (committed[last] ?? given).replace(/\.sql$/, "");
    return { kind: "migrations", title, migrationsFolder, setupFolder: join(MIGRATIONS, "setup"), api: null };
  }
  return archiveOf(given, folder);
}

/** `22`, `000022`, `000022-access`, `000022-access.sql` and `access` are all the same migration. */
function isNamed(file: string, given: string): boolean {
  const [, number = "", topic = ""] = /^(\d+)-?(.*)\.sql$/.exec(file) ?? [];
  const isNumber = /^\d{1,6}$/.test(given) && Number(given) === Number(number);
  return isNumber || [file, `${number}-${topic}`, topic].includes(given);
}

async function archiveOf(revision: string, folder: string): Promise<Base> {
  const git = (...args: string[]) =>
    run("git", ["-C", PROJECT_ROOT, ...args], { encoding: "buffer", maxBuffer: MAX_BYTES });
  const commit = await git(
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${revision}^{commit}`,
  ).then(
    ({ stdout }) => stdout.toString().trim(),
    () => null,
  );
  if (commit === null) {
    throw new Error(
      `'${revision}' is no database URL, no committed migration and no git revision of this checkout.`,
    );
  }
  const archive = join(folder, "base.tar");
  await writeFile(
    archive,
    (await git("archive", "--format=tar", commit, "migrations", "schema.graphql")).stdout,
  );
  await run("tar", ["-xf", archive, "-C", folder]);
  await rm(archive);
  const migrationsFolder = join(folder, "migrations");
  return {
    kind: "migrations",
    title: `${revision} (${commit.slice(0, 10)})`,
    migrationsFolder,
    setupFolder: join(migrationsFolder, "setup"),
    api: await readFile(join(folder, "schema.graphql"), "utf8"),
  };
}

/** Runs `fn` with a folder that is gone afterwards. */
export async function withScratchFolder<T>(fn: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "bailiwick-access-diff-"));
  try {
    return await fn(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
