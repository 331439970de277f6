import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import { pino } from "pino";

import type { AccessDiff } from "../../src/access/diff/diffAccess.ts";
import { PROJECT_ROOT } from "../../src/config.ts";
import { openThrowAwayDatabase } from "../../src/database/throwAway/openThrowAwayDatabase.ts";
import { withClient } from "../../src/database/withClient.ts";
import { BailiwickProcess, eventually, type Exit } from "./bailiwickProcess.ts";
import { useScratchProject } from "./scratchProject.ts";

// Each comparison makes two clusters and loads the demo into both.
jest.setTimeout(300_000);

const project = await useScratchProject();
const temporary = join(project.root, "temporary");
const branch = join(project.root, "migrations/current/900-branch.sql");

const BRANCH = `
drop policy if exists stray on app_public.patients;
create policy stray on app_public.patients for select to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())));
revoke delete on app_public.patient_clinic_links from app_user;
revoke select (speciality) on app_public.clinic_memberships from app_user;
`;

beforeAll(async () => {
  cpSync(join(PROJECT_ROOT, "schema.graphql"), join(project.root, "schema.graphql"));
  mkdirSync(temporary);
  const git = (...args: string[]) =>
    promisify(execFile)("git", [
      "-C",
      project.root,
      "-c",
      "user.name=x",
      "-c",
      "user.email=x@x.test",
      ...args,
    ]);
  await git("init", "--quiet");
  await git("add", "migrations", "schema.graphql");
  await git("commit", "--quiet", "--message", "base");
});

const diff = (...args: string[]) =>
  new BailiwickProcess(project, ["access", "diff", ...args], { TMPDIR: temporary });
const run = (...args: string[]): Promise<Exit> => diff(...args).exit();
const parse = ({ output }: Exit) => JSON.parse(output) as AccessDiff;
const scratchFolders = () =>
  readdirSync(temporary).filter((name) => name.startsWith("bailiwick-access-diff-"));

describe("access diff", () => {
  it("says of a checkout that is as its base that nobody may do more or less", async () => {
    const { code, output } = await run("HEAD", "--check");
    expect(output).toMatch(/^Compared with HEAD \([0-9a-f]{10}\): nobody may do more or less\.?$/m);
    expect(code).toBe(0);
  });

  it("says of a branch who may do more, who less, and what breaks, with the rows of people", async () => {
    writeFileSync(branch, BRANCH);
    const exit = await run("HEAD", "--check", "--json").finally(() => rmSync(branch));
    const { changes, sample, notes } = parse(exit);
    expect(changes.map(({ effect, object, command }) => `${effect} ${object} ${command}`)).toEqual([
      "WIDENS app_public.patients select",
      expect.stringMatching(/^BREAKS ClinicMembership\.speciality /),
      "NARROWS app_public.clinic_memberships select",
      "NARROWS app_public.patient_clinic_links delete",
    ]);
    expect(sample).toContainEqual({
      person: "carol",
      table: "app_public.patient_clinic_links",
      command: "delete",
      gained: 0,
      lost: 1,
    });
    expect(sample?.filter(({ gained }) => gained > 0).map(({ table }) => table)).toContain(
      "app_public.patients",
    );
    expect(notes).toEqual([]);
    expect(exit.code).toBe(1);
  });

  it("compares with a database as it is, and writes nothing to it", async () => {
    const given = await openThrowAwayDatabase(pino({ level: "silent" }));
    try {
      await withClient(given.urls.superuser, (client) =>
        client.query("grant delete on app_public.patients to app_share_reader"),
      );
      const { code, output } = await run(given.urls.superuser, "--check", "--format", "markdown");
      expect(output).toContain(
        "| **NARROWS** | app_share_reader | delete | `app_public.patients` | `gone grant` |",
      );
      expect(output).toContain("nothing was written to it");
      // What narrows needs nobody's approval.
      expect(code).toBe(0);
    } finally {
      await given.close();
    }
  });

  it("cannot compare with what is no base, and says what one is", async () => {
    const { code, output } = await run("no-such-thing");
    expect(output).toContain(
      "'no-such-thing' is no database URL, no committed migration and no git revision",
    );
    expect(code).toBe(2);
  });

  it("leaves no folder behind when it is interrupted", async () => {
    const interrupted = diff("HEAD");
    await eventually(() => scratchFolders().length > 0);
    const { code, output } = await interrupted.stop();
    expect(output).toContain("Interrupted; nothing was compared.");
    expect(code).not.toBe(0);
    expect(scratchFolders()).toEqual([]);
  });
});
