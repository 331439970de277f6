import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";

import { reportMatrix } from "../../src/commands/accessMatrix.ts";

const LINE = { table: "app_public.patients", command: "select", relation: "other clinic", who: "staff" };
const MATRIX = { lines: [{ ...LINE, outcome: "none" }], gaps: [] };
const WIDER = { lines: [{ ...LINE, outcome: "full" }], gaps: [] };

let folder: string;
let output: string;
let printed: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bailiwick-matrix-"));
  output = join(folder, "matrix.md");
  printed = [];
  for (const method of ["log", "error"] as const) {
    jest.spyOn(console, method).mockImplementation((text: unknown) => void printed.push(String(text)));
  }
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe("access matrix", () => {
  it("writes a page that it then finds unchanged", async () => {
    expect(await reportMatrix(MATRIX, { check: false, json: false, output })).toBe(0);
    expect(readFileSync(output, "utf8")).toMatch(/\| select · other clinic +\| +· +\|/);
    expect(await reportMatrix(MATRIX, { check: true, json: false, output })).toBe(0);
  });

  it("fails a check when somebody can do more, names the line and writes nothing", async () => {
    await reportMatrix(MATRIX, { check: false, json: false, output });
    const before = readFileSync(output, "utf8");
    printed = [];
    expect(await reportMatrix(WIDER, { check: true, json: false, output })).toBe(1);
    expect(printed.slice(0, 2).sort()).toEqual([
      "+ app_public.patients: | select · other clinic | ● |",
      "- app_public.patients: | select · other clinic | · |",
    ]);
    expect(readFileSync(output, "utf8")).toBe(before);
  });

  it("fails a check of a page that is not there", async () => {
    expect(await reportMatrix(MATRIX, { check: true, json: false, output })).toBe(1);
  });

  it("fails and says so when a table has no probes", async () => {
    writeFileSync(output, "");
    const gaps = ["app_public.rehearsals: nobody could delete"];
    expect(await reportMatrix({ ...MATRIX, gaps }, { check: false, json: false, output })).toBe(1);
    expect(printed).toContain(gaps[0]);
  });

  it("prints every line as JSON and writes nothing", async () => {
    expect(await reportMatrix(MATRIX, { check: false, json: true, output })).toBe(0);
    expect(JSON.parse(printed.join(""))).toEqual(MATRIX);
    expect(() => readFileSync(output)).toThrow("ENOENT");
  });
});
