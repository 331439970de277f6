import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll } from "@jest/globals";

import { type Backfill, readBackfill } from "../../src/backfill/readBackfill.ts";

export interface BackfillFolder {
  path: string;
  /** Writes a backfill's file and reads it as the command does. */
  write(name: string, text: string): Promise<Backfill>;
}

/** A folder of backfills for one test file. */
export function useBackfillFolder(): BackfillFolder {
  const path = mkdtempSync(join(tmpdir(), "bailiwick-backfill-"));
  afterAll(() => rmSync(path, { recursive: true }));
  return {
    path,
    write(name, text) {
      writeFileSync(join(path, `${name}.sql`), text);
      return readBackfill(path, name);
    },
  };
}

/** A backfill of app_public.patients. */
export function ofPatients(select: string, where = "p.id = any ($1::uuid[])"): string {
  return `\
-- Patients have what a test is about.
-- Table: app_public.patients
-- Batch: 4
select p.id, ${select}
from app_public.patients p
where ${where}; -- the end
`;
}
