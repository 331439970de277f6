import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

import { describe, expect, it } from "@jest/globals";
import pg from "pg";

import { catalogSnapshot, describeCatalogDrift } from "../../src/database/catalogSnapshot.ts";
import { CATALOG_FILE } from "../../src/database/migrationsFolder.ts";
import { useTestDatabase } from "../support/database.ts";

const MIGRATIONS = join(import.meta.dirname, "../../migrations");
const FIXTURES = join(MIGRATIONS, "fixtures");
const db = useTestDatabase();

const sqlFiles = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sql"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

const fixtures = sqlFiles(FIXTURES).map((file) => relative(FIXTURES, file));

/** Fixtures in the order in which the migrations take them in; the last mention counts, it made the schema of today. */
function includedFixtures(): string[] {
  const included = ["committed", "current"].flatMap((folder) =>
    sqlFiles(join(MIGRATIONS, folder)).flatMap((file) =>
      Array.from(
        readFileSync(file, "utf8").matchAll(/^--(?:!include|! Included) (\S+)$/gm),
        ([, name]) => name ?? "",
      ),
    ),
  );
  return included.filter((name, index) => included.indexOf(name) === index);
}

/** Applies every fixture again, in one transaction, as a migration would. */
async function applyFixtures(client: pg.ClientBase): Promise<void> {
  await client.query("begin");
  for (const name of includedFixtures()) {
    await client.query(readFileSync(join(FIXTURES, name), "utf8")).catch((error: Error) => {
      throw new Error(`${name}: ${error.message}`, { cause: error });
    });
  }
  await client.query("commit");
}

describe("the fixtures", () => {
  it("are all taken in by a migration", () => {
    expect([...includedFixtures()].sort()).toEqual([...fixtures].sort());
  });

  it("are what made the database, and change nothing when they are applied again", async () => {
    const owner = new pg.Client({ connectionString: db.urls.owner });
    const superuser = await db.superuser.connect();
    await owner.connect();
    try {
      const before = await catalogSnapshot(superuser);
      await applyFixtures(owner);
      expect(describeCatalogDrift(before, await catalogSnapshot(superuser))).toBeUndefined();
      await superuser.query("comment on table app_public.patients is 'Not what the fixture says.'");
      expect(describeCatalogDrift(before, await catalogSnapshot(superuser))).toMatch(
        /table app_public\.patients/,
      );
      await applyFixtures(owner);
      expect(describeCatalogDrift(before, await catalogSnapshot(superuser))).toBeUndefined();
    } finally {
      superuser.release();
      await owner.end();
    }
  });
});

describe("migrations/catalog.txt", () => {
  it("shows the schema that the migrations make, on every version of Postgres", async () => {
    const superuser = await db.superuser.connect();
    try {
      const drift = describeCatalogDrift(
        readFileSync(CATALOG_FILE, "utf8"),
        await catalogSnapshot(superuser),
      );
      // Stale? `npx bailiwick catalog export` writes it anew.
      expect(drift).toBeUndefined();
    } finally {
      superuser.release();
    }
  });

  it("says which line differs", () => {
    expect(describeCatalogDrift("a\nb\n", "a\nc\n")).toBe("- b\n+ c");
    expect(describeCatalogDrift("a\nb\n", "b\na\n")).toMatch(/another order/);
    expect(describeCatalogDrift("a\n", "a\n")).toBeUndefined();
  });
});
