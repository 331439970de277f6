import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";
import pg from "pg";

import { isSchemaCurrent } from "../../src/database/isSchemaCurrent.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
// Goes with the run's cluster, however the run ends.
const folder = mkdtempSync(join(db.config.database.dataDir, "migrations-"));

const isCurrent = () => withPool(db.urls.gateway, (pool) => isSchemaCurrent(pool, folder));

async function withPool<T>(connectionString: string, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = new pg.Pool({ connectionString, max: 1 });
  return work(pool).finally(() => pool.end());
}

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
    await expect(
      withPool(db.urls.root, (pool) =>
        pool.query("set role app_anonymous").then(() => isSchemaCurrent(pool, folder)),
      ),
    ).rejects.toThrow(/app_hidden/);
  });

  it("shows the gateway the numbers of migrations and nothing else of that schema", async () => {
    await db.asAnonymous(async ({ rows, attempt }) => {
      expect(await rows("select app_hidden.ran_migrations()")).not.toEqual([]);
      await expect(attempt("select filename from graphile_migrate.migrations")).rejects.toMatchObject({
        code: "42501",
      });
    });
  });

  it("denies it to signed-in people, who have no use for it", () =>
    db.asUser({ userId: randomUUID(), sessionId: randomUUID() }, ({ attempt }) =>
      expect(attempt("select app_hidden.ran_migrations()")).rejects.toMatchObject({ code: "42501" }),
    ));
});
