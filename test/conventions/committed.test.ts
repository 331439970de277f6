import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { pino } from "pino";

import { catalogSnapshot, describeCatalogDrift } from "../../src/database/catalogSnapshot.ts";
import { prepareDatabase } from "../../src/database/prepareDatabase.ts";
import { testCluster } from "../support/cluster.ts";
import { useTestDatabase } from "../support/database.ts";

const MIGRATIONS = join(import.meta.dirname, "../../migrations");
const committed = readdirSync(join(MIGRATIONS, "committed")).filter((file) => file.endsWith(".sql"));
const NAME = `test_${process.pid}_from_zero`;
const logger = pino({ level: "silent" });
const db = useTestDatabase();
const fromZero = testCluster(NAME);
let folder = "";

const migrate = (includeCurrent: boolean) =>
  prepareDatabase(fromZero, logger, { includeCurrent, migrationsFolder: folder });

const snapshotOf = async (url: string) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return catalogSnapshot(client).finally(() => client.end());
};

async function administer(...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: fromZero.urls.root });
  await client.connect();
  for (const statement of statements) {
    await client.query(statement);
  }
  await client.end();
}

const recreate = () => administer(`drop database if exists ${NAME} with (force)`, `create database ${NAME}`);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bailiwick-migrations-"));
  cpSync(MIGRATIONS, folder, { recursive: true });
  await recreate();
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await administer(`drop database if exists ${NAME} with (force)`);
});

describe("the migrations", () => {
  it("make the same database from zero as everywhere, and change nothing when run again", async () => {
    await migrate(true);
    const once = await snapshotOf(fromZero.urls.superuser);
    expect(describeCatalogDrift(await snapshotOf(db.urls.superuser), once)).toBeUndefined();
    await migrate(true);
    expect(describeCatalogDrift(once, await snapshotOf(fromZero.urls.superuser))).toBeUndefined();
  });

  // The hash of a migration covers the ones before it, so the first stands for all.
  for (const name of committed.slice(0, 1)) {
    it(`are refused from zero when ${name} was edited`, async () => {
      const file = join(folder, "committed", name);
      writeFileSync(file, `${readFileSync(file, "utf8")}\n-- edited\n`);
      await recreate();
      await expect(migrate(false)).rejects.toThrow(/tampered/);
    });
  }
});
