import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";
import { pino } from "pino";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { signToken } from "../../../src/auth/signToken.ts";
import { type Config, parseConfig } from "../../../src/config.ts";
import type { DatabaseUrls } from "../../../src/database/databaseUrls.ts";
import { clusterFolder } from "../../../src/database/embedded/startEmbeddedPostgres.ts";
import { openDatabase } from "../../../src/database/openDatabase.ts";
import { prepareDatabase } from "../../../src/database/prepareDatabase.ts";
import { ReleaseList } from "../../../src/ReleaseList.ts";
import { type Backend, Balancer } from "../../support/Balancer.ts";
import type { Actor } from "../../support/database.ts";
import { FaultProxy } from "../../support/FaultProxy.ts";
import { ServeProcess } from "../../support/ServeProcess.ts";
import { addSlowFunctions } from "../../support/slowFunctions.ts";

/** What was done, what is promised, what came out. */
export interface Figure {
  /** Number in the catalogue of faults (docs/reliability.md). */
  number: string;
  fault: string;
  promise: string;
  measured: string;
  holds: boolean;
}

/** A gateway as production runs it: a process of its own, connected through a proxy that can do harm. */
export interface Served extends Backend {
  process: ServeProcess;
  proxy: FaultProxy;
  stop(): Promise<void>;
}

/** A database with real durability, a furnished world, and gateways on demand. */
export interface Bench {
  config: Config;
  urls: DatabaseUrls;
  /** The folder of the database's cluster. */
  clusterDir: string;
  superuser: pg.Pool;
  world: World;
  /** Seconds for which a load lasts, and minutes of the soak. */
  seconds: number;
  soakMinutes: number;
  serve(env?: Record<string, string>): Promise<Served>;
  headersOf(person: Actor): Record<string, string>;
  /** Killed workers are missed: no gateway is ready until one works again, or nobody knows of them any more. */
  forgetWorkers(): Promise<void>;
  close(): Promise<void>;
}

export interface BenchOptions {
  seconds: number;
  soakMinutes: number;
}

export async function openBench({ seconds, soakMinutes }: BenchOptions): Promise<Bench> {
  const releases = new ReleaseList();
  try {
    const dataDir = await mkdtemp(join(tmpdir(), "bailiwick-faults-"));
    releases.add(() => rm(dataDir, { recursive: true, force: true }));
    const logger = pino({ level: "silent" });
    // With a logger somebody looks after the server: killed, it is started again.
    const database = await openDatabase(parseConfig({ NODE_ENV: "test", DATA_DIR: dataDir }), logger);
    releases.add(database.close);
    await prepareDatabase(database, logger, { includeCurrent: true });
    const superuser = new pg.Pool({ connectionString: database.urls.superuser, max: 4 });
    superuser.on("error", () => undefined);
    releases.add(() => superuser.end());
    const world = await createWorld(superuser);
    await addSlowFunctions(superuser);
    const { config, urls } = database;
    return {
      config,
      urls,
      clusterDir: clusterFolder(dataDir, 18),
      superuser,
      world,
      seconds,
      soakMinutes,
      serve: (env) => serve(config, urls.gateway, env),
      headersOf: (person) => ({ authorization: `Bearer ${signToken(config.auth, person)}` }),
      forgetWorkers: async () => {
        await superuser.query("delete from app_private.worker_heartbeats");
      },
      close: () => releases.releaseAll(),
    };
  } catch (error) {
    await releases.releaseAll();
    throw error;
  }
}

async function serve(config: Config, gatewayUrl: string, env: Record<string, string> = {}): Promise<Served> {
  const proxy = await FaultProxy.before(gatewayUrl);
  const process = new ServeProcess(config, proxy.through(gatewayUrl), {
    LOG_LEVEL: "info",
    // A bench asks for more than one person may.
    RATE_LIMIT_USER: "0",
    RATE_LIMIT_ORGANIZATION: "0",
    RATE_LIMIT_ADDRESS: "0",
    MAX_WEBSOCKETS_PER_ADDRESS: "1000000",
    ...env,
  });
  const stop = async () => {
    await process.stop("SIGKILL");
    await proxy.close();
  };
  try {
    return { ...(await process.addresses()), process, proxy, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs with one gateway, which is gone afterwards. */
export async function withGateway<T>(
  bench: Bench,
  env: Record<string, string>,
  work: (gateway: Served, balancer: Balancer) => Promise<T>,
): Promise<T> {
  const gateway = await bench.serve(env);
  const balancer = new Balancer();
  try {
    await balancer.add(gateway);
    return await work(gateway, balancer);
  } finally {
    balancer.close();
    await gateway.stop();
  }
}

/** One value of the gateway's metrics; 0 where it has never been counted. */
export async function metricOf({ adminUrl }: Backend, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

/** How many connections one gateway may have: for requests, and one each for limits, announcements and ended sessions. */
export function allowedConnections({ config: { database } }: Bench): number {
  return database.gatewayPoolSize + database.gatewaySharedConnections + 3;
}

/** Connections of gateways to the database, from the server's side. */
export async function countConnections({ superuser }: Bench, condition = "true"): Promise<number> {
  const { rows } = await superuser.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where usename = 'app_authenticator' and application_name <> 'bailiwick-checks' and ${condition}`,
  );
  return rows[0]?.count ?? 0;
}
