import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { importSynthea, type SyntheaOptions } from "../../src/import/synthea/importSynthea.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { commandEnvironment } from "./commandEnvironment.ts";
import { addVisit, csv, sampleExport, writeExport } from "./syntheaExport.ts";

const db = useTestDatabase();

function exportWith(replaced: Record<string, string> = {}): string {
  const sample = sampleExport();
  addVisit(sample, { at: "2023-01-27T16:00:00Z" });
  return writeExport(sample, replaced);
}

function runImport(options: Partial<SyntheaOptions> = {}) {
  return importSynthea(db.urls.data, { folder: exportWith(), timezone: "America/New_York", ...options });
}

/** Every row of the tables that an import writes first and last. */
async function writtenRows(): Promise<number> {
  const { rows } = await db.superuser.query(
    `select (select count(*) from app_public.organizations) + (select count(*) from app_public.users)
       + (select count(*) from app_public.care_sessions) + (select count(*) from app_audit.events) as count`,
  );
  return Number(rows[0].count);
}

/** Milliseconds. */
const PATIENCE = 15_000;

let rowsBefore: number;
beforeEach(async () => {
  rowsBefore = await writtenRows();
});
afterEach(async () => {
  expect(await writtenRows()).toBe(rowsBefore);
});

describe("nothing is imported", () => {
  it.each([
    ["a folder that is not there", "/nowhere", /Cannot read '\/nowhere': there is no such folder/],
    ["a file", "/etc/hosts", /it is not a folder/],
    [
      "a folder of something else",
      import.meta.dirname,
      /lacks organizations.csv, providers.csv, patients.csv/,
    ],
  ])("from %s", async (_title, folder, message) => {
    await expect(runImport({ folder })).rejects.toThrow(message);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      "lacks a column",
      { "encounters.csv": "Id,START\n" },
      /^encounters\.csv:1 lacks the column STOP, PATIENT/,
    ],
    ["is empty", { "patients.csv": "" }, /^patients\.csv is empty/],
    [
      "has a row with too few fields",
      { "payers.csv": "Id,NAME\nx,y\nx\n" },
      /^payers\.csv:3: .* as many fields/,
    ],
    [
      "has a quote that never ends",
      { "payers.csv": 'Id,NAME\nx,y\nx,"y\n' },
      /^payers\.csv:3: .* never closed/,
    ],
    ["has a quote within a field", { "payers.csv": 'Id,NAME\nx,y"z\n' }, /^payers\.csv:2: .*wrong place/],
    ["has a NUL", { "payers.csv": "Id,NAME\nx,y\0\n" }, /^payers\.csv:2: the row must be UTF-8/],
  ])("when a file %s", async (_title, replaced, message) => {
    await expect(runImport({ folder: exportWith(replaced) })).rejects.toThrow(message);
  });

  it("when the last file is broken", async () => {
    const sample = sampleExport();
    const visit = addVisit(sample, { at: "2023-01-27T16:00:00Z" });
    const folder = writeExport(sample, { "encounters.csv": `${csv([visit])}broken\n` });
    await expect(runImport({ folder })).rejects.toThrow(/^encounters\.csv:3: /);
  });

  it("when the report cannot be written", async () => {
    await expect(runImport({ reportPath: "/nowhere/report.csv" })).rejects.toThrow(/Cannot write the report/);
  });

  it("in a time zone that is none", async () => {
    await expect(runImport({ timezone: "Mars/Phobos" })).rejects.toThrow(/got 'Mars\/Phobos'/);
  });

  it.each(["reading encounters.csv", "writing patients", "writing care sessions"])(
    "when it is interrupted while %s",
    async (moment) => {
      const interruption = new AbortController();
      const onProgress = (_fraction: number, step: string) => {
        if (step === moment) {
          interruption.abort(new Error("interrupted"));
        }
      };
      await expect(runImport({ signal: interruption.signal, onProgress })).rejects.toThrow("interrupted");
    },
  );

  it("when it is killed before the last table is written", async () => {
    const holder = await db.superuser.connect();
    try {
      await holder.query("begin; lock table app_public.care_sessions in exclusive mode");
      const root = join(import.meta.dirname, "../..");
      const child = spawn(process.execPath, [join(root, "src/cli.ts"), "import", "synthea", exportWith()], {
        env: { ...process.env, ...commandEnvironment(db) },
        stdio: "ignore",
      });
      const exited = once(child, "exit");
      await eventually(async () => (await importBackends()).some(({ waits }) => waits), PATIENCE);
      child.kill("SIGKILL");
      await exited;
      // The server notices by itself, before anything lets its statement go on.
      await eventually(async () => (await importBackends()).length === 0, PATIENCE);
    } finally {
      await holder.query("rollback");
      holder.release();
    }
  });
});

async function importBackends(): Promise<{ waits: boolean }[]> {
  const { rows } = await db.superuser.query(
    `select wait_event_type is not distinct from 'Lock' as waits from pg_stat_activity
     where application_name = 'bailiwick import' and datname = current_database()`,
  );
  return rows;
}
