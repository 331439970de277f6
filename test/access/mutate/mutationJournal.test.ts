import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import type { Mutant } from "../../../src/access/mutate/generateMutants.ts";
import type { MutantResult } from "../../../src/access/mutate/mutateAccess.ts";
import { openMutationJournal } from "../../../src/access/mutate/mutationJournal.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bailiwick-journal-"));
  file = join(folder, "mutants.jsonl");
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
    const first = await openMutationJournal(file);
    first.keep(killed("a"));
    first.keep(killed("b", "rows"));
    const second = await openMutationJournal(file);
    expect(second.killOf(mutant("a"), ALL)).toEqual(killed("a"));
    expect(second.killOf(mutant("b"), ["check"])).toEqual(killed("b", "rows"));
    expect(second.killOf(mutant("c"), ALL)).toBeUndefined();
  });

  it("does not count what survived or could not run, so that it is tried again, after the others", async () => {
    const first = await openMutationJournal(file);
    first.keep({ ...killed("a"), status: "survived", killer: null });
    first.keep({ ...killed("b"), status: "invalid", killer: null });
    const second = await openMutationJournal(file);
    expect(["a", "b", "c"].map((name) => second.hasFailed(mutant(name)))).toEqual([true, true, false]);
    expect(second.killOf(mutant("a"), ALL)).toBeUndefined();
    second.keep(killed("a"));
    const third = await openMutationJournal(file);
    expect([third.hasFailed(mutant("a")), third.killOf(mutant("a"), ALL)]).toEqual([false, killed("a")]);
  });

  it("takes no kill back for a run that asked fewer killers", async () => {
    const first = await openMutationJournal(file);
    first.keep(killed("a"));
    first.keep({ ...killed("a"), status: "survived", killer: null });
    const second = await openMutationJournal(file);
    expect([second.hasFailed(mutant("a")), second.killOf(mutant("a"), ALL)]).toEqual([false, killed("a")]);
  });

  it("does not count for other SQL, nor for killers that are not asked", async () => {
    (await openMutationJournal(file)).keep(killed("a"));
    const journal = await openMutationJournal(file);
    expect(journal.killOf(mutant("a", "drop policy a cascade"), ALL)).toBeUndefined();
    expect(journal.killOf(mutant("a"), ["check", "matrix"])).toBeUndefined();
  });
});

describe("a journal's file", () => {
  it("survives that its process was killed while it wrote", async () => {
    (await openMutationJournal(file)).keep(killed("ä"));
    await appendFile(file, '{"operator":"policy_drö');
    (await openMutationJournal(file)).keep(killed("b"));
    const journal = await openMutationJournal(file);
    expect(["ä", "b"].map((name) => journal.killOf(mutant(name), ALL)?.object)).toEqual(["ä", "b"]);
  });

  it.each([
    ["another text", "not JSON\n", "its line 1 holds no result"],
    ["what is no result", '{"status":"survived"}\n', "its line 1 holds no result"],
    ["nothing but null", "null\n", "its line 1 holds no result"],
  ])("is refused when it holds %s", async (_title, text, sentence) => {
    await writeFile(file, text);
    await expect(openMutationJournal(file)).rejects.toThrow(sentence);
    expect(await readFile(file, "utf8")).toBe(text);
  });

  it("is refused when it is a folder", async () => {
    await expect(openMutationJournal(folder)).rejects.toThrow(`Cannot read the journal '${folder}': EISDIR`);
  });
});
