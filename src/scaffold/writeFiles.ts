import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { PlannedFile } from "./planTable.ts";

/**
 * Writes files of the project, then runs what is to follow. If anything fails, every file is as it was before.
 *
 * @returns what `afterwards` returned.
 */
export async function writeFiles<T>(
  projectRoot: string,
  files: readonly PlannedFile[],
  afterwards: () => Promise<T>,
): Promise<T> {
  const undo: (() => void)[] = [];
  try {
    for (const { path, text } of files) {
      const file = join(projectRoot, path);
      undo.push(...makeFolder(dirname(file)), restoring(file));
      writeFileSync(file, text);
    }
    return await afterwards();
  } catch (error) {
    undo.toReversed().forEach((step) => step());
    throw error;
  }
}

function restoring(file: string): () => void {
  if (!existsSync(file)) {
    return () => rmSync(file, { force: true });
  }
  const before = readFileSync(file);
  return () => writeFileSync(file, before);
}

/** @returns the steps that take the new folders away again. */
function makeFolder(folder: string): (() => void)[] {
  if (existsSync(folder)) {
    return [];
  }
  const parents = makeFolder(dirname(folder));
  mkdirSync(folder);
  return [...parents, () => rmdirSync(folder)];
}
