import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { pino } from "pino";

import { parseConfig, PROJECT_ROOT } from "../../src/config.ts";
import { cloneDatabase } from "../../src/database/cloneDatabase.ts";
import {
  databaseName,
  type DatabaseUrls,
  databaseUrls,
  withDatabase,
} from "../../src/database/databaseUrls.ts";
import { findEmbeddedPostgres } from "../../src/database/embedded/startEmbeddedPostgres.ts";
import { type OpenDatabase, openDatabase } from "../../src/database/openDatabase.ts";
import { prepareDatabase } from "../../src/database/prepareDatabase.ts";
import { withClient } from "../../src/database/withClient.ts";
import { generateVolume } from "../../src/generate/generateVolume.ts";
import { type Shape, SHAPES, type Size } from "./shapes.ts";

/** Kept from run to run; git and the checks ignore it. */
export const BENCH_FOLDER = join(PROJECT_ROOT, ".data/bench");

/** What the data follow from: when one of these changes, they are made anew. */
const SOURCES = ["migrations/committed", "migrations/current", "migrations/setup", "src/generate"];

export interface BenchData {
  config: OpenDatabase["config"];
  /** An administrator's connection to none of the databases below. */
  adminUrl: string;
  /** The process of the database server, whose children are its connections. */
  postmaster: number;
  /** The connections of a database with these rows; made on first use. */
  open(shape: Shape, size: Size): Promise<DatabaseUrls>;
  /** A copy of that one, in which `change` was run; made on first use. */
  copy(of: DatabaseUrls, suffix: string, change: string): Promise<DatabaseUrls>;
  /** Any other migrated database, filled by `fill` on first use; anew when `version` is another. */
  make(name: string, version: string, fill: (urls: DatabaseUrls) => Promise<void>): Promise<DatabaseUrls>;
  close(): Promise<void>;
}

/** Starts the benchmark's own Postgres, with the settings that the embedded one always has: commits wait for the disk. */
export async function openBenchData(tell: (text: string) => void): Promise<BenchData> {
  mkdirSync(BENCH_FOLDER, { recursive: true });
  const database = await openDatabase(parseConfig({ NODE_ENV: "development", DATA_DIR: BENCH_FOLDER }));
  const { config } = database;
  const urlsOf = (name: string) => databaseUrls(config.database, withDatabase(database.urls.superuser, name));

  const make = async (name: string, version: string, fill: (urls: DatabaseUrls) => Promise<void>) => {
    const urls = urlsOf(name);
    const mark = fingerprint(version);
    if ((await readMark(urls)) !== mark) {
      tell(`Making the data of ${name}; kept for the next run …`);
      const began = Date.now();
      await administer(urls, `drop database if exists ${name} with (force)`);
      await fill(urls);
      await administer(urls, `comment on database ${name} is '${mark}'`);
      tell(`  took ${Math.round((Date.now() - began) / 1000)} s`);
    }
    return urls;
  };
  const makeMigrated: BenchData["make"] = (name, version, fill) =>
    make(name, version, async (urls) => {
      await administer(urls, `create database ${name}`);
      await prepareDatabase({ config, urls }, pino({ level: "silent" }), { includeCurrent: true });
      await fill(urls);
    });

  return {
    config,
    adminUrl: database.urls.root,
    postmaster: findEmbeddedPostgres(BENCH_FOLDER)?.pid ?? 0,
    make: makeMigrated,
    open: (shape, size) => {
      const volume = SHAPES[shape][size];
      return makeMigrated(`bench_${shape}_${size}`, JSON.stringify(volume), async (urls) => {
        await withoutAudit(urls, () => generateVolume(urls, volume));
      });
    },
    copy: async (of, suffix, change) => {
      const version = `${await readMark(of)} ${change}`;
      return make(`${databaseName(of.superuser)}_${suffix}`, version, async (urls) => {
        await cloneDatabase(of, databaseName(urls.superuser));
        await withClient(urls.superuser, (client) => client.query(change));
      });
    },
    close: database.close,
  };
}

/** Switches the audit's triggers on or off. What was made up needs no trail, and is made in half the time without. */
export const switchAudit = (state: "enable always" | "disable") => `
do $$
declare
  v_trigger record;
begin
  for v_trigger in
    select tgrelid::regclass as relation, tgname from pg_catalog.pg_trigger where tgname like '\\_500\\_audit\\_%'
  loop
    execute format('alter table %s ${state} trigger %I', v_trigger.relation, v_trigger.tgname);
  end loop;
end
$$`;

async function withoutAudit(urls: DatabaseUrls, work: () => Promise<unknown>): Promise<void> {
  await withClient(urls.superuser, (client) => client.query(switchAudit("disable")));
  await work();
  await withClient(urls.superuser, (client) => client.query(switchAudit("enable always")));
}

async function administer({ root }: DatabaseUrls, statement: string): Promise<void> {
  await withClient(root, (client) => client.query(statement));
}

/** Undefined where there is no such database, or only what an interrupted `drop database` has left of it. */
async function readMark({ root, superuser }: DatabaseUrls): Promise<string | undefined> {
  return withClient(root, async (client) => {
    const { rows } = await client.query<{ mark: string }>(
      "select shobj_description(oid, 'pg_database') as mark from pg_catalog.pg_database where datname = $1 and datconnlimit <> -2",
      [databaseName(superuser)],
    );
    return rows[0]?.mark;
  });
}

function fingerprint(version: string): string {
  const hash = createHash("sha256").update(version);
  for (const folder of SOURCES) {
    for (const file of readdirSync(join(PROJECT_ROOT, folder)).sort()) {
      hash.update(file).update(readFileSync(join(PROJECT_ROOT, folder, file)));
    }
  }
  return hash.digest("hex");
}
