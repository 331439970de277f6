import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { afterAll } from "@jest/globals";

const FOLDER = join(import.meta.dirname, "../../node_modules/.cache/schemas");

/** Names files where a test may write schemas, from which the package's own modules are found; they are gone at the end. */
export function useSchemaFiles(): () => string {
  mkdirSync(FOLDER, { recursive: true });
  const files: string[] = [];
  afterAll(() => Promise.all(files.map((file) => rm(file, { force: true }))));
  return () => {
    const file = join(FOLDER, `${randomUUID()}.mjs`);
    files.push(file);
    return file;
  };
}
