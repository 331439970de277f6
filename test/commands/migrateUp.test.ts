import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "@jest/globals";

import { createOrganization } from "../../src/access/world/people.ts";
import { useEmptyDatabase } from "../backup/useEmptyDatabase.ts";
import { useTestDatabase } from "../support/database.ts";
import { runBailiwick } from "../support/runBailiwick.ts";

const TIMEOUT = 120_000;
const db = useTestDatabase();
const empty = useEmptyDatabase();
const folder = mkdtempSync(join(tmpdir(), "bailiwick-migrate-up-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const variables = {
  NODE_ENV: "production",
  JWT_SECRET: "a secret that is long enough for anybody to use",
  MIGRATION_LOG_FOLDER: folder,
};
const up = ({ config }: { config: typeof db.config }, ...args: readonly string[]) =>
  runBailiwick({ database: config.database, variables }, "migrate", "up", ...args);
/** As if this release had one more migration than the one before. */
const forgetLast = () =>
  db.superuser.query(
    "delete from graphile_migrate.migrations where filename = (select max(m.filename) from graphile_migrate.migrations m)",
  );

describe("migrate up in production", () => {
  it(
    "makes a new database without a backup, and leaves a report",
    async () => {
      const { code, output } = await up(empty);
      expect({ code, output }).toMatchObject({
        code: 0,
        output: expect.stringContaining("report is written"),
      });
      expect(readdirSync(folder)).toEqual([expect.stringContaining(empty.name)]);
    },
    TIMEOUT,
  );

  it("is refused with status 2 where there is an organization and no backup, and goes on where that is said", async () => {
    await createOrganization(db.superuser, "Somebody's");
    await forgetLast();
    const refused = await up(db);
    expect(refused).toEqual({
      code: 2,
      output: expect.stringMatching(/^bailiwick: Nothing was changed: .*\n$/),
    });
    const { code, output } = await up(db, "--without-backup");
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining("--without-backup: "),
    });
  });

  it("has status 1 and says what is broken where a rule is", async () => {
    await db.superuser.query("alter table app_public.patients no force row level security");
    await forgetLast();
    const { code, output } = await up(db, "--without-backup");
    expect(output).toMatch(/✗ app_public\.patients: /);
    expect(output).toMatch(/^The migrations have run, .*do not release\./m);
    expect(code).toBe(1);
  });

  it.each([
    [["--backup", "a.dump", "--without-backup"], /mutually exclusive/],
    [["--backup", ""], /Name the file of the backup; got ''/],
    [["--backup-age", "0"], /--backup-age must be a whole number from 1 to 8760; got '0'/],
  ])("does not take %j", async (args, sentence) => {
    expect(await up(db, ...args)).toEqual({ code: 2, output: expect.stringMatching(sentence) });
  });
});
