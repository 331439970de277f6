import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { GraphQLObjectType, GraphQLSchema, GraphQLString, printSchema } from "graphql";
import pg from "pg";
import { pino } from "pino";

import { bound } from "../../plugins/bound.ts";
import { parseScalar } from "../../plugins/ScalarRangesPlugin.ts";
import { printApi } from "../../src/commands/schema.ts";
import { parseConfig } from "../../src/config.ts";
import { readRanMigrations } from "../../src/database/isSchemaCurrent.ts";
import { loadSchemaFile } from "../../src/schemaFile/loadSchemaFile.ts";
import { hashCode, type SchemaOrigin, withOrigin } from "../../src/schemaFile/schemaOrigin.ts";
import { writeSchemaFile } from "../../src/schemaFile/writeSchemaFile.ts";
import { useTestDatabase } from "../support/database.ts";
import { useSchemaFiles } from "./useSchemaFiles.ts";

const db = useTestDatabase();
const nextFile = useSchemaFiles();
const schemaWith = (resolve: () => string) =>
  new GraphQLSchema({
    query: new GraphQLObjectType({ name: "Query", fields: { day: { type: GraphQLString, resolve } } }),
  });
const schema = schemaWith(bound(parseScalar, "Date", "2026-11-20"));

let origin: SchemaOrigin;
let file: string;

async function withPool<T>(work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = new pg.Pool({ connectionString: db.urls.gateway, max: 1 });
  return work(pool).finally(() => pool.end());
}

/** What a gateway makes of the file, and what its log says of it. */
async function load(path = file) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: "info" }, { write: (line) => lines.push(JSON.parse(line)) });
  const loaded = await withPool((pool) => loadSchemaFile(path, { pool, logger }));
  return { loaded, lines };
}

const REFUSED = "The schema's file is not used: the API is built from the catalogue";

/** It is not served, and the log says why, as a warning. */
async function expectRefusal(reason: RegExp, path = file) {
  const { loaded, lines } = await load(path);
  expect(loaded).toBeNull();
  expect(lines).toEqual([expect.objectContaining({ level: 40, msg: REFUSED, file: path })]);
  expect(JSON.stringify(lines)).toMatch(reason);
}

beforeAll(async () => {
  origin = { code: await hashCode(), migrations: await withPool(readRanMigrations) };
});
// Another for each test: Jest goes by the text that a file had at first.
beforeEach(async () => {
  file = nextFile();
  await writeSchemaFile(file, schema, origin);
});
/** Adds to the file, which needs another name in the eyes of Jest; as if it had been written so, or by hand. */
const add = (text: string, isByHand = false) => {
  const from = readFileSync(file, "utf8");
  const code = `${from.slice(from.indexOf("\n") + 1)}\n${text}\n`;
  file = nextFile();
  writeFileSync(file, isByHand ? `${from}\n${text}\n` : withOrigin(origin, code));
};

describe("a schema's file", () => {
  it("is loaded where package and database are those that it was made from", async () => {
    const { loaded, lines } = await load();
    expect(lines).toMatchObject([{ level: 30, msg: "The API is loaded from the schema's file" }]);
    expect(printSchema(loaded as GraphQLSchema)).toBe(printSchema(schema));
    const day = loaded?.getQueryType()?.getFields().day;
    expect(day?.resolve?.(null, {}, {}, {} as never)).toBe("2026-11-20");
  });

  it("is refused when the database has run a migration that it was made without", async () => {
    const [last, ...rest] = origin.migrations.toReversed();
    await writeSchemaFile(file, schema, { ...origin, migrations: rest.reverse() });
    await expectRefusal(new RegExp(`has run migrations that it was made without: ${last}`));
  });

  it("is refused when it was made with a migration that the database has not run", async () => {
    await writeSchemaFile(file, schema, { ...origin, migrations: [...origin.migrations, "999999"] });
    await expectRefusal(/made with migrations that the database has not run: 999999/);
  });

  it("is refused when it was made by other code, and does not run then", async () => {
    origin = { ...origin, code: "another" };
    add('throw new Error("it runs");');
    origin = { ...origin, code: await hashCode() };
    await expectRefusal(/made by another version of this package/);
  });

  it("is refused when it cannot run, is no such file or is not there", async () => {
    add('throw new Error("it runs");');
    await expectRefusal(/it runs/);
    writeFileSync(file, "export const schema = null;\n");
    await expectRefusal(/was not written by `bailiwick schema compile`/);
    await expectRefusal(/ENOENT/, `${file}.missing.mjs`);
  });

  it("is refused when it was changed by hand or is not whole, and does not run then", async () => {
    add('throw new Error("it runs");', true);
    await expectRefusal(/it was changed after it was written/);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.slice(0, -20));
    await expectRefusal(/it was changed after it was written/);
  });

  it("is not written with a plan that sees more than its arguments", async () => {
    const outside = String(Date.now());
    await expect(
      writeSchemaFile(
        `${file}.new.mjs`,
        schemaWith(() => outside),
        origin,
      ),
    ).rejects.toThrow(/references external variables: `outside`/);
    expect(existsSync(`${file}.new.mjs`)).toBe(false);
  });

  it("is not written over a file that is none, or a folder", async () => {
    writeFileSync(file, "export const mine = 1;\n");
    await expect(writeSchemaFile(file, schema, origin)).rejects.toThrow(
      /was not written by 'bailiwick schema compile'/,
    );
    expect(readFileSync(file, "utf8")).toBe("export const mine = 1;\n");
    await expect(writeSchemaFile(dirname(file), schema, origin)).rejects.toThrow(/is a folder/);
  });

  it("stays as it was when the new one does not work, and nothing else is left", async () => {
    const folder = mkdtempSync(join(tmpdir(), "schema-"));
    const outside = join(folder, "api.mjs");
    copyFileSync(file, outside);
    // Nothing is installed there.
    await expect(writeSchemaFile(outside, schema, origin)).rejects.toThrow(/graphql/);
    expect(readFileSync(outside, "utf8")).toBe(readFileSync(file, "utf8"));
    expect(readdirSync(folder)).toEqual(["api.mjs"]);
    rmSync(folder, { recursive: true });
  });

  it("is taken from the environment, except in development, whose schema changes", () => {
    const env = { GATEWAY_SCHEMA_FILE: "/app/dist/api.mjs" };
    expect(parseConfig({ ...env, NODE_ENV: "test" }).api.schemaFile).toBe(env.GATEWAY_SCHEMA_FILE);
    expect(parseConfig({ ...env, NODE_ENV: "development" }).api.schemaFile).toBeNull();
    expect(parseConfig({ NODE_ENV: "test" }).api.schemaFile).toBeNull();
  });

  // The last of them: nobody reads the catalogue of this database after it.
  it("is loaded where nobody may read the catalogue, from which no API can be built there", async () => {
    await db.superuser.query("revoke select on pg_catalog.pg_class, pg_catalog.pg_proc from public");
    await expect(printApi(db.urls.gateway)).rejects.toThrow(/permission denied/);
    expect((await load()).loaded).not.toBeNull();
  });
});
