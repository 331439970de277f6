import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Folders of migrations/. */
export const WATCHED = ["fixtures", "current"];
const POLL_INTERVAL = 100;

/**
 * Calls `onChange` whenever the SQL files of a migrations folder have changed and come to rest; one call at a time. It
 * looks, instead of being told: notifications get lost when a folder is replaced (git stash).
 *
 * @param handled the fingerprint from before the files were last run: what was saved meanwhile counts as a change.
 * @returns a function that ends the watching; it waits for a call that is under way.
 */
export function watchMigrations(
  migrationsFolder: string,
  handled: string,
  onChange: () => Promise<void>,
): () => Promise<void> {
  const abort = new AbortController();
  const watching = watch(migrationsFolder, onChange, handled, abort.signal);
  return async () => {
    abort.abort();
    await watching;
  };
}

async function watch(
  migrationsFolder: string,
  onChange: () => Promise<void>,
  initial: string,
  signal: AbortSignal,
): Promise<void> {
  let handled = initial;
  let previous = initial;
  while (!signal.aborted) {
    await sleep(POLL_INTERVAL, undefined, { signal }).catch(() => undefined);
    const current = await fingerprintMigrations(migrationsFolder);
    const isAtRest = current === previous;
    if (!signal.aborted && isAtRest && current !== handled) {
      handled = current;
      await onChange();
    }
    previous = current;
  }
}

/** Names, sizes and times of every SQL file that is watched. */
export async function fingerprintMigrations(migrationsFolder: string): Promise<string> {
  const folders = WATCHED.map((name) => join(migrationsFolder, name));
  const names = await Promise.all(folders.map(sqlFiles));
  const facts = await Promise.all(names.flat().map(describeFile));
  return facts.sort().join("\n");
}

async function sqlFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  return entries.filter((name) => name.endsWith(".sql")).map((name) => join(folder, name));
}

/** A file may go between listing and looking. */
async function describeFile(file: string): Promise<string> {
  const stats = await stat(file).catch(() => null);
  return `${file} ${stats?.size} ${stats?.mtimeMs}`;
}
