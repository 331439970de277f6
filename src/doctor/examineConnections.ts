import type { Client } from "pg";

import type { Config } from "../config.ts";
import { loginUrl } from "../database/databaseUrls.ts";
import { LOGIN_ROLES, type LoginRole } from "../database/loginRoles.ts";
import { findDatabase, findLogin } from "../database/openDatabase.ts";
import { withClient } from "../database/withClient.ts";
import { describeFailure } from "../describeFailure.ts";
import { workerConnections } from "../jobs/workerConnections.ts";
import { finding, fine, type Observation } from "./examine.ts";

/** What node-postgres knows of its connection, and has no type for. */
interface Connected {
  processID: number | null;
}

const VARIABLES: Record<LoginRole, string> = {
  app_authenticator: "GATEWAY_DATABASE_URL",
  app_worker: "WORKER_DATABASE_URL",
  app_migrator: "MIGRATOR_DATABASE_URL",
  app_backup: "BACKUP_DATABASE_URL",
  app_sealer: "SEALER_DATABASE_URL",
  app_recorder: "RECORDER_DATABASE_URL",
};
/** SQLSTATE or code of the operating system → what to do. */
const ADVICE: Readonly<Record<string, string>> = {
  "28P01": "the password is not the role's: compare ROLE_SECRET with the one of 'bailiwick migrate up'",
  "28000": "the server lets this role not in from here: look at its pg_hba.conf",
  "3D000": "there is no such database: create it, or name another one",
  "42501": "the role may not connect to this database: run 'npx bailiwick migrate up'",
  "53300":
    "the server has no connection left: raise max_connections, or lower GATEWAY_POOL_SIZE and WORKER_POOL_SIZE",
  "57P03": "the server is starting or stopping: try again in a moment",
  ECONNREFUSED: "nothing listens at that address: start the server, or correct host and port",
  ENOTFOUND: "there is no such host: correct its name",
  ETIMEDOUT: "the host does not answer: look at the network and the firewall",
};
const BESIDES_REQUESTS = 6;
/** Milliseconds; a token is accepted 30 seconds around its times. */
const CLOCK_TOLERANCE = 5_000;

/** Signs in as every role that this environment has a connection for, and looks at the server from there. */
export async function examineConnections(given: Config): Promise<Observation[]> {
  const observations: Observation[] = [];
  for (const role of Object.keys(LOGIN_ROLES) as LoginRole[]) {
    const url = urlOf(given, role);
    if (url !== null) {
      const look = async (client: Client) =>
        role === "app_authenticator" ? examineServer(client, given) : [];
      observations.push(...(await examineLogin(role, url, look)));
    }
  }
  return observations;
}

/** From where the gateway stands. */
async function examineServer(client: Client, given: Config): Promise<Observation[]> {
  return [
    await examineClock(client),
    await examinePooler(client, given),
    await examineRoom(client, given),
    await examineDurability(client),
  ];
}

/**
 * Whether every login role can sign in to the database of `adminUrl`, and nothing besides: a connection string of its own
 * that leads to another database is a finding.
 */
export async function examineSignIns(given: Config, adminUrl: string): Promise<Observation[]> {
  const here = await withClient(adminUrl, identify);
  const observations: Observation[] = [];
  for (const role of Object.keys(LOGIN_ROLES) as LoginRole[]) {
    const url = loginUrl(given.database, adminUrl, role);
    const signIn = async (client: Client) => {
      const isHere = (await identify(client)) === here;
      return isHere
        ? []
        : [finding("database", `${VARIABLES[role]} leads to another database than DATABASE_URL.`)];
    };
    observations.push(...(await examineLogin(role, url, signIn)));
  }
  return observations;
}

/** Which database of which server this is, past any pooler and whatever its address. */
async function identify(client: Client): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    "select format('%s since %s', current_database(), extract(epoch from pg_catalog.pg_postmaster_start_time())) as id",
  );
  return rows[0]?.id;
}

/** Null where this environment does not serve as that role. */
function urlOf(given: Config, role: LoginRole): string | null {
  const database = findDatabase(given);
  if (database !== null) {
    return loginUrl(database.config.database, database.urls.superuser, role);
  }
  return given.database[LOGIN_ROLES[role]] === null ? null : findLogin(given, role).url;
}

/** What to do about a connection that cannot be had, if its error says; words that end a sentence. */
export function connectionAdvice(error: unknown): string | undefined {
  return ADVICE[(error as { code?: string }).code ?? ""];
}

/** @param look at what else the connection shows. */
async function examineLogin(
  role: LoginRole,
  url: string,
  look: (client: Client) => Promise<Observation[]>,
): Promise<Observation[]> {
  try {
    return await withClient(url, async (client) => [
      fine("database", `${role} can sign in.`),
      ...(await look(client)),
    ]);
  } catch (error) {
    const reason = connectionAdvice(error) ?? describeFailure(error);
    return [finding("database", `${role} cannot sign in (${VARIABLES[role]} or DATABASE_URL): ${reason}.`)];
  }
}

async function examineClock(client: Client): Promise<Observation> {
  const before = Date.now();
  const { rows } = await client.query<{ now: Date }>("select clock_timestamp() as now");
  const middle = (before + Date.now()) / 2;
  const difference = (rows[0]?.now.getTime() ?? middle) - middle;
  return Math.abs(difference) > CLOCK_TOLERANCE
    ? finding(
        "database",
        `The server's clock is ${Math.abs(difference / 1000).toFixed(0)} s ${difference > 0 ? "ahead of" : "behind"} this machine's: let both follow a time server, or sessions end at the wrong time.`,
      )
    : fine("database", "The server's clock and this machine's agree.");
}

/** A pooler makes up the process id that it gives to a client; the server itself tells the real one. */
async function examinePooler(client: Client, { database }: Config): Promise<Observation> {
  const { rows } = await client.query<{ pid: number }>("select pg_catalog.pg_backend_pid() as pid");
  if (rows[0]?.pid === (client as unknown as Connected).processID) {
    return fine("database", "No pooler stands between the gateway and Postgres.");
  }
  return database.listenUrl === null
    ? finding(
        "database",
        "A pooler such as PgBouncer stands between the gateway and Postgres: in transaction mode it loses LISTEN (live " +
          "updates, ended sessions). Name Postgres itself in GATEWAY_LISTEN_URL; see docs/scaling.md.",
      )
    : fine("database", "A pooler stands between the gateway and Postgres, and what listens goes past it.");
}

async function examineRoom(client: Client, { database, worker }: Config): Promise<Observation> {
  const { rows } = await client.query<{ allowed: number }>(`\
select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as allowed`);
  const allowed = rows[0]?.allowed ?? 0;
  const wanted =
    database.gatewayPoolSize +
    database.gatewaySharedConnections +
    BESIDES_REQUESTS +
    workerConnections(worker);
  return wanted > allowed
    ? finding(
        "database",
        `One gateway and one worker want ${wanted} connections, the server allows ${allowed}: lower GATEWAY_POOL_SIZE, GATEWAY_SHARED_CONNECTIONS, WORKER_POOL_SIZE or WORKER_CONCURRENCY, or raise max_connections.`,
      )
    : fine(
        "database",
        `One gateway and one worker want ${wanted} of the ${allowed} connections that the server allows.`,
      );
}

async function examineDurability(client: Client): Promise<Observation> {
  const { rows } = await client.query<{ name: string }>(`\
select name from pg_catalog.pg_settings
where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'
order by name`);
  return rows.length > 0
    ? finding(
        "database",
        `${rows.map(({ name }) => name).join(" and ")} off: what was confirmed can be lost when the server's machine fails. Switch it on.`,
      )
    : fine("database", "What is confirmed is on disk.");
}
