import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll } from "@jest/globals";
import pg from "pg";

import { type Login, makeRolledBack, type RolledBack } from "../../src/access/world/rolledBack.ts";
import type { Config } from "../../src/config.ts";
import { cloneDatabase } from "../../src/database/cloneDatabase.ts";
import type { DatabaseUrls } from "../../src/database/databaseUrls.ts";
import { testCluster } from "./cluster.ts";

export interface TestDatabase extends RolledBack {
  readonly name: string;
  readonly config: Config;
  readonly urls: DatabaseUrls;
  /** Registers what has to end before the database is dropped. Jest runs afterAll hooks in the order they were given. */
  beforeDrop(release: () => Promise<void>): void;
}

const DROP_ATTEMPTS = 40;
/** Milliseconds. */
const DROP_INTERVAL = 50;

export type { Actor, Request, Scope } from "../../src/access/world/rolledBack.ts";

let databaseCount = 0;

type DropObserver = (urls: DatabaseUrls) => Promise<void>;
const dropObservers: DropObserver[] = [];

/** Registers who looks at each database before it is dropped, when nobody is connected to it any more. */
export const observeDrops = (observer: DropObserver): void => void dropObservers.push(observer);

/** Gives the calling test file a database of its own, cloned from the migrated template and dropped at the end. */
export function useTestDatabase(): TestDatabase {
  const template = testCluster().urls;
  const name = `test_${process.pid}_${++databaseCount}`;
  const { config, urls } = testCluster(name);
  const pools = new Map<Login, pg.Pool>();
  const pool = (login: Login) => {
    const existing = pools.get(login) ?? new pg.Pool({ connectionString: urls[login], max: 4 });
    pools.set(login, existing);
    return existing;
  };
  beforeAll(() => cloneDatabase(template, name));
  const releases: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await Promise.all(releases.splice(0).map((release) => release()));
    await Promise.all([...pools.values()].map((open) => open.end()));
    // Where files run again in one process, the next run makes new ones.
    pools.clear();
    await dropDatabase(template, urls, name);
  });

  const acting = makeRolledBack(pool);
  return Object.assign(acting, {
    name,
    config,
    urls,
    beforeDrop: (release: () => Promise<void>) => void releases.push(release),
  });
}

/** Fails when something is still connected: what a test opens, it closes. */
async function dropDatabase(template: DatabaseUrls, urls: DatabaseUrls, name: string): Promise<void> {
  let open: string[] = [];
  for (let attempt = 0; attempt < DROP_ATTEMPTS; attempt++) {
    const [rows] = await administer(template, [
      `select coalesce(nullif(application_name, ''), usename) as name
       from pg_catalog.pg_stat_activity where datname = '${name}' and backend_type = 'client backend'`,
    ]);
    open = (rows ?? []).map((row) => row.name);
    if (open.length === 0) {
      break;
    }
    // A closed connection is gone a moment after its client has said goodbye.
    await sleep(DROP_INTERVAL);
  }
  try {
    await Promise.all(dropObservers.map((observe) => observe(urls)));
  } finally {
    await administer(template, [`drop database ${name} with (force)`]);
  }
  if (open.length > 0) {
    throw new Error(`This test file leaves connections open: ${open.join(", ")}`);
  }
}

export async function administer(
  { root }: DatabaseUrls,
  statements: string[],
): Promise<pg.QueryResultRow[][]> {
  const client = new pg.Client({ connectionString: root });
  await client.connect();
  try {
    const results: pg.QueryResultRow[][] = [];
    for (const statement of statements) {
      results.push((await client.query(statement)).rows);
    }
    return results;
  } finally {
    await client.end();
  }
}
