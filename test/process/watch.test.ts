import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { BailiwickProcess, eventually } from "./bailiwickProcess.ts";
import { fastestOfThree } from "./fastestOfThree.ts";
import { useScratchProject } from "./scratchProject.ts";

const SOON = 2_000;
const PATIENT_FIELDS = '{ __type(name: "Patient") { fields { name } } }';

// Real clusters with real fsync, on whatever disk there is and beside whatever else runs.
jest.setTimeout(300_000);

const project = await useScratchProject();
mkdirSync(join(project.root, "migrations/fixtures/scratch"));
const running = new BailiwickProcess(project, ["watch"]);
beforeAll(() =>
  running.says(/Watching migrations\/fixtures\/ and migrations\/current\/: [^\n]*\nCtrl-C stops everything/),
);

function save(file: string, content: string): void {
  writeFileSync(join(project.root, "migrations", file), content);
}

async function patientHas(field: string): Promise<boolean> {
  const { data } = await running.query(PATIENT_FIELDS);
  const type = data?.__type as { fields: { name: string }[] } | null;
  return type?.fields.some(({ name }) => name === field) ?? false;
}

describe("bailiwick watch", () => {
  it("serves a column within two seconds of its file being saved", async () => {
    expect(await patientHas("nickname")).toBe(false);
    save("fixtures/scratch/nickname.sql", "grant select (nickname) on app_public.patients to app_user;\n");
    save(
      "current/900-nickname.sql",
      "alter table app_public.patients add column if not exists nickname text;\n--!include scratch/nickname.sql\n",
    );
    await eventually(() => patientHas("nickname"));

    const fastest = await fastestOfThree(SOON, async (round) => {
      const began = Date.now();
      save(
        `current/90${round}-hobby.sql`,
        `alter table app_public.patients add column if not exists hobby${round} text;\ngrant select (hobby${round}) on app_public.patients to app_user;\n`,
      );
      await eventually(() => patientHas(`hobby${round}`));
      return Date.now() - began;
    });
    expect(fastest).toBeLessThan(SOON);
  });

  it("shows file, line and a caret for a broken fixture, and goes on serving the last good schema", async () => {
    save(
      "fixtures/scratch/nickname.sql",
      "\n-- two lines above\ngrant select (nickname) onn app_public.patients to app_user;\n",
    );
    const [message] = await running.says(/nickname\.sql:3:[^]*keeps serving/);
    expect(message).toMatch(/grant select \(nickname\) onn[^\n]*\n\s+\^\n/);
    expect(await patientHas("nickname")).toBe(true);
  });

  it("shows where the statement begins for an error that Postgres gives no position to", async () => {
    save(
      "fixtures/scratch/nickname.sql",
      "-- A semicolon; in a comment, and one in 'a text'.\nselect 'a;b', $$c;d$$;\n\n-- The culprit:\ngrant selct (nickname) on app_public.patients to app_user;\n",
    );
    const [message] = await running.says(/nickname\.sql:5:1\n[^]*keeps serving/);
    expect(message).toMatch(/unrecognized privilege type "selct"/);
    expect(await patientHas("nickname")).toBe(true);
  });

  it("recovers when the fixture is mended", async () => {
    save(
      "fixtures/scratch/nickname.sql",
      "grant select (nickname) on app_public.patients to app_user;\ncomment on column app_public.patients.nickname is E'@name petName\\nHow the family says.';\n",
    );
    await eventually(() => patientHas("petName"));
  });

  it("shows file, line and a caret for an include of a file that is not there", async () => {
    const current = "-- A line above.\n--!include scratch/nothere.sql\n";
    save("current/910-include.sql", current);
    const [message] = await running.says(/current\/910-include\.sql:2:12\n[^]*?keeps serving/);
    expect(message).toMatch(
      /--!include scratch\/nothere\.sql\n\s+\^\nInclude of 'scratch\/nothere\.sql' failed/,
    );
    save(
      "fixtures/scratch/nothere.sql",
      "alter table app_public.patients add column if not exists there text;\n",
    );
    await running.says(/nothere[^]*The API follows the saved SQL \(\d+ ms\)/);
  });

  it("says where a column of a table that is there has no effect, and what to do about it", async () => {
    const table = (columns: string) =>
      `create table if not exists app_public.scratches (\n  ${columns}\n);\n`;
    save("current/920-scratches.sql", table("id int"));
    await running.says(/nothere[^]*The API follows[^]*The API follows the saved SQL \(\d+ ms\)/);
    save("current/920-scratches.sql", table("id int,\n  severity integer"));
    const [message] = await running.says(/current\/920-scratches\.sql:3:3\n[^]*1 of it without effect/);
    expect(message).toContain("app_public.scratches exists already without severity: ");
    save("fixtures/scratch/scratches.sql", "grant select (severity) on app_public.scratches to app_user;\n");
    save(
      "current/920-scratches.sql",
      `${table("id int,\n  severity integer")}--!include scratch/scratches.sql\n`,
    );
    const [failed] = await running.says(/fixtures\/scratch\/scratches\.sql:1:\d+\n[^]*keeps serving/);
    expect(failed).toMatch(
      /column "severity" [^]*\/920-scratches\.sql:3:3\n[^]* exists already without severity: /,
    );
  });

  it("leaves no process behind after Ctrl-C", async () => {
    expect(await running.stop()).toMatchObject({ code: 0 });
    expect(project.processes()).toEqual([]);
  });
});

describe("bailiwick migrate commit", () => {
  it("commits a column without effect, says so, and nothing else", async () => {
    save(
      "current/920-scratches.sql",
      "create table if not exists app_public.scratches (\n  id int,\n  severity integer\n);\n",
    );
    const { code, output } = await new BailiwickProcess(project, [
      "migrate",
      "commit",
      "-m",
      "scratch",
    ]).exit();
    const [, file] = /^Committed migrations\/committed\/(\d+-scratch\.sql); [^\n]*\n/m.exec(output) ?? [];
    expect(output).toMatch(
      new RegExp(`^migrations/committed/${file}:\\d+:3\\n {2}\\d+ \\| {3}severity integer\\n`, "m"),
    );
    expect(output).not.toContain("INFO");
    expect(output).toContain("app_public.scratches exists already without severity: ");
    expect(code).toBe(1);
    const back = await new BailiwickProcess(project, ["migrate", "uncommit"]).exit();
    expect(back).toEqual({
      code: 0,
      output: "The latest committed migration is open again, in migrations/current.\n",
    });
    expect(project.processes()).toEqual([]);
  });
});
