import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import type { Mutant } from "../../../src/access/mutate/generateMutants.ts";
import { openKillJournal } from "../../../src/access/mutate/killJournal.ts";
import type { MutantResult } from "../../../src/access/mutate/mutateAccess.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bailiwick-journal-"));
  file = join(folder, "kills.jsonl");
});

afterEach(() => rm(folder, { recursive: true }));

const mutant = (object: string, sql = `drop policy ${object}`): Mutant => ({
  operator: "policy_dropped",
  object,
  touches: null,
  sql,
  isClusterWide: false,
});
const killed = (object: string, killer = "tests"): MutantResult => ({
  ...mutant(object),
  status: "killed",
  killer,
  evidence: "seen",
  seconds: 1,
});
const ALL = ["check", "matrix", "tests"];

describe("a journal", () => {
  it("knows in the next run what was killed, and by what", async () => {
    const first = await openKillJournal(file);
    first.keep(killed("a"));
    first.keep(killed("b", "rows"));
    const second = await openKillJournal(file);
    expect(second.killOf(mutant("a"), ALL)).toEqual(killed("a"));
    expect(second.killOf(mutant("b"), ["check"])).toEqual(killed("b", "rows"));
    expect(second.killOf(mutant("c"), ALL)).toBeUndefined();
  });

  it("forgets what survived or could not run, so that it is tried again", async () => {
    const first = await openKillJournal(file);
    for (const status of ["survived", "invalid"] as const) {
      first.keep({ ...killed("a"), status, killer: null });
    }
    await expect(readFile(file)).rejects.toThrow("ENOENT");
  });

  it("does not count for other SQL, nor for killers that are not asked", async () => {
    (await openKillJournal(file)).keep(killed("a"));
    const journal = await openKillJournal(file);
    expect(journal.killOf(mutant("a", "drop policy a cascade"), ALL)).toBeUndefined();
    expect(journal.killOf(mutant("a"), ["check", "matrix"])).toBeUndefined();
  });
});

describe("a journal's file", () => {
  it("survives that its process was killed while it wrote", async () => {
    (await openKillJournal(file)).keep(killed("ä"));
    await appendFile(file, '{"operator":"policy_drö');
    (await openKillJournal(file)).keep(killed("b"));
    const journal = await openKillJournal(file);
    expect(["ä", "b"].map((name) => journal.killOf(mutant(name), ALL)?.object)).toEqual(["ä", "b"]);
  });

  it.each([
    ["another text", "not JSON\n", "its line 1 holds no kill"],
    ["what is no kill", '{"status":"survived"}\n', "its line 1 holds no kill"],
    ["nothing but null", "null\n", "its line 1 holds no kill"],
  ])("is refused when it holds %s", async (_title, text, sentence) => {
    await writeFile(file, text);
    await expect(openKillJournal(file)).rejects.toThrow(sentence);
    expect(await readFile(file, "utf8")).toBe(text);
  });

  it("is refused when it is a folder", async () => {
    await expect(openKillJournal(folder)).rejects.toThrow(`Cannot read the journal '${folder}': EISDIR`);
  });
});
