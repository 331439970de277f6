import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll } from "@jest/globals";

type Row = Record<string, string>;

/** A small Synthea export, to be changed by a test before it is written. Its town is new each time. */
export interface SampleExport {
  town: string;
  organizations: Row[];
  providers: Row[];
  patients: Row[];
  payers: Row[];
  encounters: Row[];
}

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** Two clinics in one town and a third in another, a provider in each, and no visits yet. */
export function sampleExport(): SampleExport {
  const town = `Town ${randomUUID().slice(0, 8)}`;
  const organizations = [town, town, `${town} Harbour`].map((city, index) => ({
    Id: randomUUID(),
    NAME: `CLINIC ${index}`,
    CITY: city.toUpperCase(),
    STATE: "MA",
    REVENUE: "0.0",
  }));
  const providers = organizations.map(({ Id }) => ({
    Id: randomUUID(),
    ORGANIZATION: Id,
    NAME: "Víctor493 O'Hara353",
    SPECIALITY: "GENERAL PRACTICE",
  }));
  return {
    town,
    organizations,
    providers,
    patients: [patient(), patient()],
    payers: [{ Id: randomUUID(), NAME: "Medicaid, Inc" }],
    encounters: [],
  };
}

export function patient(): Row {
  return {
    Id: randomUUID(),
    BIRTHDATE: "1973-10-28",
    DEATHDATE: "",
    SSN: "999-17-5017",
    FIRST: "Keenan632",
    LAST: "Johns824",
    GENDER: "M",
    ADDRESS: '1 "Main" Street',
    CITY: "Orleans",
    STATE: "Massachusetts",
    ZIP: "02653",
  };
}

/** Adds an hour's visit of one of the patients to one of the clinics, both by position. */
export function addVisit(
  sample: SampleExport,
  visit: { clinic?: number; patient?: number; at: string; changes?: Row },
): Row {
  const { clinic = 0, patient: who = 0, at, changes } = visit;
  const row = {
    Id: randomUUID(),
    START: at,
    STOP: new Date(Date.parse(at) + 60 * 60 * 1000).toISOString(),
    PATIENT: sample.patients[who]?.Id ?? "",
    ORGANIZATION: sample.organizations[clinic]?.Id ?? "",
    PROVIDER: sample.providers[clinic]?.Id ?? "",
    PAYER: sample.payers[0]?.Id ?? randomUUID(),
    ENCOUNTERCLASS: "ambulatory",
    DESCRIPTION: "Encounter for symptom",
    TOTAL_CLAIM_COST: "3798.09",
    REASONDESCRIPTION: "Acute viral pharyngitis (disorder)",
    ...changes,
  };
  sample.encounters.push(row);
  return row;
}

/** Writes the export's files; returns their folder, which is gone after the test file. */
export function writeExport(sample: SampleExport, replaced: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-synthea-"));
  folders.push(folder);
  for (const name of ["organizations", "providers", "patients", "payers", "encounters"] as const) {
    if (sample[name].length > 0) {
      writeFileSync(join(folder, `${name}.csv`), csv(sample[name]));
    }
  }
  for (const [name, text] of Object.entries(replaced)) {
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

export function csv(rows: Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => columns.map((column) => quoted(row[column] ?? "")).join(","));
  return [columns.join(","), ...lines, ""].join("\n");
}

function quoted(value: string): string {
  return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
