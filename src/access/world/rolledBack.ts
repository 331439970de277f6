import type { ClientBase, Pool, QueryResultRow } from "pg";

import { pgSettings } from "../../auth/pgSettings.ts";
import { assertPowerless } from "./assertPowerless.ts";

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
  client: ClientBase;
  /** All rows of one statement. A failure ends the transaction, as it does for a request. */
  rows<Row extends QueryResultRow = QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** The single value of the first row; undefined when there is no row. */
  value<T = unknown>(sql: string, values?: unknown[]): Promise<T | undefined>;
  /** Runs one statement in a savepoint, so that the request goes on after it was refused; how many rows it touched. */
  attempt(sql: string, values?: unknown[]): Promise<number>;
  /** Goes on as somebody else in the same transaction. */
  become(actor: Actor | null, scope?: Scope): Promise<void>;
}

/** Transactions as one or the other, each of which is rolled back. */
export interface RolledBack {
  /** To arrange rows with and to look behind row security; never to test access with. */
  readonly superuser: Pool;
  /** Runs as superuser. */
  inTransaction<T>(work: (client: ClientBase) => Promise<T>): Promise<T>;
  /** Runs as the gateway would for a signed-in person. */
  asUser<T>(actor: Actor, work: (request: Request) => Promise<T>, scope?: Scope): Promise<T>;
  /** Runs as the gateway would without a token. */
  asAnonymous<T>(work: (request: Request) => Promise<T>): Promise<T>;
  /** Runs as the worker for one organization. */
  asWorker<T>(organizationId: string, work: (request: Request) => Promise<T>): Promise<T>;
  /** Runs as an import that declared these organizations. */
  asData<T>(organizationIds: string[], work: (request: Request) => Promise<T>): Promise<T>;
  /** Runs as the owner of the tables, which row security holds too. */
  asOwner<T>(work: (request: Request) => Promise<T>): Promise<T>;
}

type Settings = Readonly<Record<string, string>>;
export type Login = "superuser" | "gateway" | "worker" | "data" | "owner";

const REQUEST_SETTINGS = [
  "jwt.claims.sub",
  "jwt.claims.sid",
  "app.current_user_id",
  "app.current_org_id",
  "app.organization_id",
  "app.clinic_id",
  "app.purpose_of_use",
];

/** @param pool connections of a login; asked for when they are needed. */
export function makeRolledBack(pool: (login: Login) => Pool): RolledBack {
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

async function transaction<T>(pool: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    return await work(client);
  } finally {
    await client.query("rollback").finally(() => client.release());
  }
}

/** Exactly what the gateway sets, from the function with which it does. */
export function requestSettings(actor: Actor | null, scope: Scope = {}): Settings {
  const claims = actor && {
    userId: actor.userId,
    sessionId: actor.sessionId,
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
export async function applySettings(client: ClientBase, settings: Settings): Promise<void> {
  const entries = Object.entries(settings);
  if (entries.length > 0) {
    const calls = entries.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
    await client.query(`select ${calls.join(", ")}`, entries.flat());
  }
}

function makeRequest(client: ClientBase): Request {
  return {
    client,
    async rows<Row extends QueryResultRow>(sql: string, values?: unknown[]) {
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
}
