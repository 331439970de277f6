import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "@jest/globals";

import type { Finding } from "../../src/access/checkAccess.ts";
import { applyWaivers, readWaivers } from "../../src/access/waivers.ts";

const RULE = "0055_definer_exposed";
const WAIVER = {
  rule: RULE,
  object: "public.log_in(text)",
  reason: "Signing in comes first.",
  expires: "2027-01-31",
};
const FINDING: Finding = {
  rule: RULE,
  title: "…",
  severity: "warning",
  object: "public.log_in(text)",
  detail: "…",
  why: "…",
  fix: "…",
};
const RUN = { rules: [RULE], today: "2027-01-31" };

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bailiwick-waivers-"));
});

afterAll(() => rm(folder, { recursive: true }));

async function fileOf(text: string): Promise<string> {
  const file = join(folder, "waivers.json");
  await writeFile(file, text);
  return file;
}

it("takes a waived finding out, up to and including the waiver's last day", () => {
  expect(applyWaivers([FINDING], [WAIVER], RUN)).toEqual({ open: [], waived: [FINDING] });
});

it("shows the finding again when the waiver has expired, and the waiver beside it", () => {
  const { open, waived } = applyWaivers([FINDING], [WAIVER], { ...RUN, today: "2027-02-01" });

  expect(waived).toEqual([]);
  expect(open.map(({ rule, object }) => [rule, object])).toEqual([
    [RULE, "public.log_in(text)"],
    ["waiver_expired", `${RULE} public.log_in(text)`],
  ]);
});

it("finds a waiver that nothing needs any more", () => {
  const { open } = applyWaivers([], [WAIVER], RUN);
  expect(open.map(({ rule }) => rule)).toEqual(["waiver_unused"]);
});

it("does not call a waiver unused whose rule did not run", () => {
  expect(applyWaivers([], [WAIVER], { ...RUN, rules: [] }).open).toEqual([]);
});

it("waives one object, not its neighbours", () => {
  const neighbour = { ...FINDING, object: "public.log_in_as(text)" };
  expect(applyWaivers([FINDING, neighbour], [WAIVER], RUN).open).toEqual([neighbour]);
});

it("reads a file of waivers", async () => {
  expect(await readWaivers(await fileOf(JSON.stringify([WAIVER])))).toEqual([WAIVER]);
});

it("refuses a waiver without a real reason or a real day, and lists every problem", async () => {
  const file = await fileOf(
    JSON.stringify([{ ...WAIVER, reason: "later" }, { ...WAIVER, expires: "2027-02-30" }, { rule: RULE }]),
  );

  await expect(readWaivers(file)).rejects.toThrow(
    [
      "- entry 1: 'reason' must say why, in 15 characters or more; it is 'later'",
      "- entry 2: 'expires' must be a day as YYYY-MM-DD; it is '2027-02-30'",
      "- entry 3: 'object' must be a text; it is missing",
    ].join("\n"),
  );
});

it("refuses a file that is no JSON array", async () => {
  await expect(readWaivers(await fileOf("{}"))).rejects.toThrow("must hold a JSON array of waivers");
  await expect(readWaivers(await fileOf("waivers"))).rejects.toThrow("it must be a JSON array");
  await expect(readWaivers("/nonexistent")).rejects.toThrow(
    "Cannot read the waivers in '/nonexistent': there is no such file",
  );
});
