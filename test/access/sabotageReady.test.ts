import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, beforeEach, expect, it } from "@jest/globals";
import pg from "pg";
import { pino } from "pino";

import { createFullWorld } from "../../src/access/world/fullWorld.ts";
import { type Login, makeRolledBack } from "../../src/access/world/rolledBack.ts";
import { cloneDatabase } from "../../src/database/cloneDatabase.ts";
import { withClient } from "../../src/database/withClient.ts";
import { type RunningGateway, startGateway } from "../../src/gateway.ts";
import { testCluster } from "../support/cluster.ts";
import { administer } from "../support/database.ts";
import { readSabotages } from "./sabotage.ts";

/** Milliseconds; what is usual for a load balancer is ten times that. */
const PROBE_INTERVAL = 1100;
/** Milliseconds. After two seconds a probe answers what it knew (adminServer.ts): that machine is slow, not unprotected. */
const FOUND_OUT = 1900;
/** Milliseconds; on a machine that is busy with other tests. */
const TIMEOUT = 60_000;
const PROBES = 30;

const template = testCluster().urls;
/** The database with rows in every table; each sabotage is done to a copy under the other name. */
const world = `sabotage_world_${process.pid}`;
const name = `sabotage_${process.pid}`;
const { config, urls } = testCluster(name);
const log: string[] = [];
let gateway: RunningGateway;

const drop = (database: string) => administer(template, [`drop database if exists ${database} with (force)`]);

async function restore(): Promise<void> {
  await drop(name);
  await cloneDatabase(testCluster(world).urls, name);
}

async function makeWorld(): Promise<void> {
  await cloneDatabase(template, world);
  const pools = new Map<Login, pg.Pool>();
  const pool = (login: Login) => {
    const known = pools.get(login) ?? new pg.Pool({ connectionString: testCluster(world).urls[login] });
    pools.set(login, known);
    return known;
  };
  await createFullWorld(makeRolledBack(pool));
  await Promise.all([...pools.values()].map((open) => open.end()));
}

async function ready(): Promise<unknown[]> {
  const response = await fetch(`${gateway.adminUrl}/ready`);
  const { checks } = (await response.json()) as { checks: Record<string, boolean> };
  return [response.status, checks.rowSecurity];
}

/** The first answer that the gateway has taken from its database. */
async function readyAsFound(): Promise<unknown[]> {
  for (let probe = 1; ; probe++) {
    const asked = performance.now();
    const answer = await ready();
    if (performance.now() - asked < FOUND_OUT || probe === PROBES) {
      return answer;
    }
  }
}

/** The gateway's connections were lost with the database of before. */
async function becomeReady(): Promise<void> {
  for (let probe = 1; (await ready())[0] !== 200; probe++) {
    if (probe === PROBES) {
      throw new Error(`The gateway is not ready after ${PROBES} probes: ${log.join("")}`);
    }
    await sleep(PROBE_INTERVAL);
  }
}

beforeAll(async () => {
  await makeWorld();
  await restore();
  const logger = pino({ level: "error" }, { write: (line: string) => log.push(line) });
  gateway = await startGateway(config, { url: urls.gateway, logger });
}, TIMEOUT);

beforeEach(async () => {
  await restore();
  await becomeReady();
  log.length = 0;
}, TIMEOUT);

afterAll(async () => {
  await gateway.close();
  await drop(name);
  await drop(world);
}, TIMEOUT);

it.each(readSabotages().filter(({ ready, isOfCluster }) => ready === "opens" && !isOfCluster))(
  "takes a running gateway out of service within one probe interval, and names what is open: $name",
  async ({ sql, logged }) => {
    await withClient(urls.superuser, (client) => client.query(sql));
    await sleep(PROBE_INTERVAL);

    expect(await readyAsFound()).toEqual([503, false]);
    // A check that Postgres stopped for being slow says nothing; the next one does.
    for (let probe = 1; probe < PROBES && !log.join("").includes(logged); probe++) {
      await sleep(PROBE_INTERVAL);
      expect(await readyAsFound()).toEqual([503, false]);
    }
    expect(log.join("")).toContain(logged);
  },
  TIMEOUT,
);
