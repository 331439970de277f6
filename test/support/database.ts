import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll } from "@jest/globals";
import pg from "pg";

import { pgSettings } from "../../src/auth/pgSettings.ts";
import type { Config } from "../../src/config.ts";
import { databaseName, type DatabaseUrls } from "../../src/database/databaseUrls.ts";
import { assertPowerless } from "./assertPowerless.ts";
import { testCluster } from "./cluster.ts";

/** Who a request comes from: a row of app_public.users with a session. */
export interface Actor {
  userId: string;
  sessionId: string;
}

/** What a request says besides who it comes from; as headers would. */
export interface Scope {
  organizationId?: string;
  clinicId?: string;
  purposeOfUse?: string;
}

/** A transaction as one actor. */
export interface Request {
  client: pg.ClientBase;
  /** All rows of one statement. A failure ends the transaction, as it does for a request. */
  rows<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** The single value of the first row; undefined when there is no row. */
  value<T = unknown>(sql: string, values?: unknown[]): Promise<T | undefined>;
  /** Runs one statement in a savepoint, so that the request goes on after it was refused; how many rows it touched. */
  attempt(sql: string, values?: unknown[]): Promise<number>;
  /** Goes on as somebody else in the same transaction. */
  become(actor: Actor | null, scope?: Scope): Promise<void>;
}

export interface TestDatabase {
  readonly name: string;
  readonly config: Config;
  readonly urls: DatabaseUrls;
  /** Registers what has to end before the database is dropped. Jest runs afterAll hooks in the order they were given. */
  beforeDrop(release: () => Promise<void>): void;
  /** To arrange rows with and to look behind row security; never to test access with. */
  readonly superuser: pg.Pool;
  /** Runs as superuser and rolls back. */
  inTransaction<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T>;
  /** Runs as the gateway would for a signed-in person, and rolls back. */
  asUser<T>(actor: Actor, work: (request: Request) => Promise<T>, scope?: Scope): Promise<T>;
  /** Runs as the gateway would without a token, and rolls back. */
  asAnonymous<T>(work: (request: Request) => Promise<T>): Promise<T>;
  /** Runs as the worker for one organization, and rolls back. */
  asWorker<T>(organizationId: string, work: (request: Request) => Promise<T>): Promise<T>;
  /** Runs as an import that declared these organizations, and rolls back. */
  asData<T>(organizationIds: string[], work: (request: Request) => Promise<T>): Promise<T>;
  /** Runs as the owner of the tables, which row security holds too, and rolls back. */
  asOwner<T>(work: (request: Request) => Promise<T>): Promise<T>;
}

type Settings = Readonly<Record<string, string>>;
type Login = "superuser" | "gateway" | "worker" | "data" | "owner";

const DROP_ATTEMPTS = 40;
/** Milliseconds. */
const DROP_INTERVAL = 50;

let databaseCount = 0;

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
    await Promise.all(releases.map((release) => release()));
    await Promise.all([...pools.values()].map((open) => open.end()));
    await dropDatabase(template, name);
  });

  const asLogin = <T>(
    login: Login,
    settings: Settings,
    isPowerless: boolean,
    work: (request: Request) => Promise<T>,
  ) =>
    transaction(pool(login), async (client) => {
      await applySettings(client, settings);
      if (isPowerless) {
        await assertPowerless(client);
      }
      return work(makeRequest(client));
    });
  return {
    name,
    config,
    urls,
    beforeDrop: (release) => void releases.push(release),
    get superuser() {
      return pool("superuser");
    },
    inTransaction: (work) => transaction(pool("superuser"), work),
    asUser: (actor, work, scope) => asLogin("gateway", requestSettings(actor, scope), true, work),
    asAnonymous: (work) => asLogin("gateway", requestSettings(null), true, work),
    asWorker: (organizationId, work) =>
      asLogin("worker", { "app.organization_id": organizationId }, true, work),
    asData: (organizationIds, work) =>
      asLogin("data", { "app.data_scope": organizationIds.join(",") }, true, work),
    asOwner: (work) => asLogin("owner", {}, false, work),
  };
}

async function cloneDatabase(template: DatabaseUrls, name: string): Promise<void> {
  const source = databaseName(template.superuser);
  await administer(template, [
    `create database ${name} template ${source}`,
    // A clone starts with the privileges of any new database: PUBLIC could make temporary tables in it.
    `update pg_catalog.pg_database clone set datacl = source.datacl from pg_catalog.pg_database source
     where clone.datname = '${name}' and source.datname = '${source}'`,
  ]);
}

/** Fails when something is still connected: what a test opens, it closes. */
async function dropDatabase(template: DatabaseUrls, name: string): Promise<void> {
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
  await administer(template, [`drop database ${name} with (force)`]);
  if (open.length > 0) {
    throw new Error(`This test file leaves connections open: ${open.join(", ")}`);
  }
}

async function administer({ root }: DatabaseUrls, statements: string[]): Promise<pg.QueryResultRow[][]> {
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

async function transaction<T>(pool: pg.Pool, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    return await work(client);
  } finally {
    await client.query("rollback").finally(() => client.release());
  }
}

/** Exactly what the gateway sets, from the function with which it does. */
function requestSettings(actor: Actor | null, scope: Scope = {}): Settings {
  const claims = actor && {
    userId: actor.userId,
    sessionId: actor.sessionId,
    identity: null,
    organizationId: null,
    clinicId: null,
    expiresAt: Math.floor(Date.now() / 1000) + 60,
  };
  const { organizationId = null, clinicId = null, purposeOfUse = null } = scope;
  return pgSettings(
    claims,
    { organizationId, clinicId, purposeOfUse },
    "00000000-0000-7000-8000-000000000001",
  );
}

/** In one statement: after `role` has been set, the request may no longer call set_config. */
async function applySettings(client: pg.ClientBase, settings: Settings): Promise<void> {
  const entries = Object.entries(settings);
  if (entries.length > 0) {
    const calls = entries.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
    await client.query(`select ${calls.join(", ")}`, entries.flat());
  }
}

const REQUEST_SETTINGS = [
  "jwt.claims.sub",
  "jwt.claims.sid",
  "app.current_user_id",
  "app.current_org_id",
  "app.organization_id",
  "app.clinic_id",
  "app.purpose_of_use",
];

function makeRequest(client: pg.ClientBase): Request {
  const request: Request = {
    client,
    async rows<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) {
      return (await client.query<Row>(sql, values)).rows;
    },
    async value<T>(sql: string, values?: unknown[]) {
      const { rows } = await client.query<unknown[]>({ text: sql, values, rowMode: "array" });
      return rows[0]?.[0] as T | undefined;
    },
    async attempt(sql, values) {
      await client.query("savepoint attempt");
      try {
        return (await client.query(sql, values)).rowCount ?? 0;
      } catch (error) {
        await client.query("rollback to savepoint attempt");
        throw error;
      } finally {
        await client.query("release savepoint attempt");
      }
    },
    async become(actor, scope) {
      await client.query("reset role");
      const cleared = Object.fromEntries(REQUEST_SETTINGS.map((name) => [name, ""]));
      await applySettings(client, { ...cleared, ...requestSettings(actor, scope) });
      await assertPowerless(client);
    },
  };
  return request;
}
