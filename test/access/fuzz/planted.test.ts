import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { type FuzzReport, fuzzText, isClean } from "../../../src/access/fuzz/fuzzReport.ts";
import { runFuzz } from "../../../src/access/fuzz/runFuzz.ts";
import { type TestDatabase, useTestDatabase } from "../../support/database.ts";

/** Milliseconds; the walk sends some thousand requests, on a machine that is busy with other tests. */
const TIMEOUT = 300_000;
/** Without the holes, nothing is found there: `npm test` walks the whole schema in its part `fuzz`. */
const ONLY = /[pP]lanted|^Query\.patientMetrics$|^Query\.patientMetricByRowId$/;
const NEWS = /^Subscription\.appointmentChanged$/;

async function walk(db: TestDatabase, only: RegExp, planted?: string): Promise<FuzzReport> {
  if (planted) {
    await db.superuser.query(await readFile(join(import.meta.dirname, planted), "utf8"));
  }
  return runFuzz(db, pino({ level: "silent" }), { only });
}

describe("on a schema with planted holes", () => {
  const db = useTestDatabase();
  let report: FuzzReport;
  const found = (kind: string) =>
    report.findings
      .filter((finding) => finding.kind === kind)
      .map(({ field, detail }) => `${field}: ${detail}`);

  beforeAll(async () => {
    report = await walk(db, ONLY, "planted.sql");
  }, TIMEOUT);

  it("finds rows behind a policy that is always true, and names the column", () => {
    expect(found("canary")).toContainEqual(
      expect.stringMatching(/^PatientMetric\.note: holds app_public\.patient_metrics\.note/),
    );
  });

  it.each([
    ["a function that answers as its owner", /^Query\.plantedText: holds app_public\.patients\.family_name/],
    ["an error that quotes a row", /^Query\.plantedError \(errors\): holds app_public\.patients\.given_name/],
    ["a computed column", /^Clinic\.planted: holds app_public\.appointments\.reason/],
  ])("finds text in %s, and names the field", (_title, line) => {
    expect(found("canary")).toContainEqual(expect.stringMatching(line));
  });

  it("finds a count that changes with what one must not see", () => {
    expect(found("trace").join("\n")).toMatch(/Clinic\..*plantedCount|Clinic\.\{.*planted/);
  });

  it("finds an answer that tells a foreign id from none", () => {
    expect(found("difference").join("\n")).toContain("Query.plantedExists");
  });

  it("finds a change of foreign rows, and names the table", () => {
    expect(found("write")).toContainEqual(
      "Mutation.plantedWrite: changed foreign rows of app_public.patients",
    );
  });

  it("reports a field that no request can be written for as uncovered", () => {
    const items = report.uncovered.map(({ item }) => item);
    expect(items).toEqual(["Query.plantedAddress", "Query.plantedAddress(address:)"]);
  });

  it("is not clean, and says so in words", () => {
    expect(isClean(report)).toBe(false);
    expect(fuzzText(report)).toMatch(/✗ canary Query\.plantedText \(provider, owner/);
  });
});

describe("where announcements say what is in a row", () => {
  const db = useTestDatabase();

  it(
    "finds it in what Postgres sends",
    async () => {
      const { findings } = await walk(db, NEWS, "plantedNews.sql");
      expect(findings).toContainEqual(
        expect.objectContaining({
          kind: "event",
          field: "notifications of appointments",
          detail: "holds app_public.appointments.reason",
        }),
      );
    },
    TIMEOUT,
  );
});
