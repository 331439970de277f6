import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { SqlPlace } from "./sqlErrorPlace.ts";

/** As graphile-migrate reads it. */
const INCLUDE = /^--![ \t]*include[ \t]+(.*\.sql)[ \t]*$/;

/**
 * Finds the `--!include` of a file that is not there, which graphile-migrate reports without a place.
 *
 * @returns the first one of the open migration and of the fixtures that it takes in; undefined when each file is there.
 */
export async function findMissingInclude(migrationsFolder: string): Promise<SqlPlace | undefined> {
  const current = join(migrationsFolder, "current");
  const names = await readdir(current).catch(() => []);
  const files = names.filter((name) => name.endsWith(".sql")).toSorted();
  const waiting = files.map((name) => join(current, name));
  const seen = new Set(waiting);
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    const content = await readFile(file, "utf8");
    for (const [index, text] of content.split("\n").entries()) {
      const path = INCLUDE.exec(text)?.[1];
      if (path === undefined) {
        continue;
      }
      const included = join(migrationsFolder, "fixtures", path);
      if (!(await isThere(included))) {
        return { file, line: index + 1, column: text.indexOf(path) + 1, text };
      }
      if (!seen.has(included)) {
        seen.add(included);
        waiting.push(included);
      }
    }
  }
  return undefined;
}

function isThere(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}
