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
beforeAll(() => running.says(/Ctrl-C stops everything/));

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

  it("leaves no process behind after Ctrl-C", async () => {
    expect(await running.stop()).toMatchObject({ code: 0 });
    expect(project.processes()).toEqual([]);
  });
});
