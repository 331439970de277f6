import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { isSchemaCurrent } from "../../src/database/isSchemaCurrent.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
// Goes with the run's cluster, however the run ends.
const folder = mkdtempSync(join(db.config.database.dataDir, "migrations-"));

const isCurrent = () => isSchemaCurrent(db.urls.owner, folder);
const commit = (file: string) => writeFileSync(join(folder, "committed", file), "");
const run = (file: string) =>
  db.superuser.query("insert into graphile_migrate.migrations (hash, filename) values ($1, $1)", [file]);

describe("isSchemaCurrent", () => {
  it("notices a committed migration that the database has not run, and minds none that it is ahead with", async () => {
    await db.superuser.query("delete from graphile_migrate.migrations");
    mkdirSync(join(folder, "committed"));
    commit(".gitkeep");
    expect(await isCurrent()).toBe(true);
    commit("000001-foundation.sql");
    expect(await isCurrent()).toBe(false);
    await run("000001.sql");
    expect(await isCurrent()).toBe(true);
    commit("000002.sql");
    expect(await isCurrent()).toBe(false);
    await run("000002.sql");
    await run("000003.sql");
    expect(await isCurrent()).toBe(true);
  });

  it("fails where migrations have never run", async () => {
    await expect(isSchemaCurrent(db.urls.root, folder)).rejects.toThrow(/graphile_migrate/);
  });
});
