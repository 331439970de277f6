import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { pgSettings } from "../../src/auth/pgSettings.ts";
import { loadConfig } from "../../src/config.ts";
import { openRequestPools } from "../../src/database/openRequestPools.ts";
import {
  makeRequestConnections,
  type RequestConnectionParts,
} from "../../src/database/requestConnections.ts";
import { writeName } from "../../src/database/writeName.ts";
import { ReleaseList } from "../../src/ReleaseList.ts";
import { makeMetrics } from "../../src/telemetry/metrics.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
const NOWHERE = { organizationId: null, clinicId: null, purposeOfUse: null };
const SETTINGS = pgSettings(null, NOWHERE, "a-request");
const FAIL = { text: "select app_public.always_again()" };
const releases = new ReleaseList();
let parts: RequestConnectionParts;
const retried: string[] = [];

const connections = () => {
  const events = { ...parts.events, onRetry: (state: string) => void retried.push(state) };
  return makeRequestConnections({ ...parts, events }).createWithPgClient();
};

beforeAll(async () => {
  const database = { ...loadConfig().database, gatewayPoolSize: 2 };
  const logger = pino({ level: "silent" });
  const pools = openRequestPools(database, {
    url: db.urls.gateway,
    logger,
    metrics: makeMetrics(),
    releases,
  });
  parts = pools.requests;
  await db.superuser.query(`
    create function app_public.always_again() returns int as $$
      begin raise exception 'again' using errcode = '40001'; end;
    $$ language plpgsql set search_path to '';
    grant usage on schema app_public to app_anonymous;
    grant execute on function app_public.always_again() to app_anonymous;
  `);
});
db.beforeDrop(() => releases.releaseAll());
afterAll(() => void retried.splice(0));

describe("a transaction of a request", () => {
  it("carries the request's id where the database's administrator sees it, and takes it away again", async () => {
    const read = { text: "select current_setting('application_name') as name" };
    const { rows } = await connections()(SETTINGS, (client) => client.query<{ name: string }>(read));
    expect(rows[0]?.name).toBe("bailiwick a-request");
    expect((await parts.pool.query(read.text)).rows[0].name).toBe("bailiwick-gateway");
  });

  it("is prepared once a connection, also where it changes something and has no name", async () => {
    const text =
      "select count(*) filter (where statement ~ 'pg_prepared_statements')::int as own from pg_prepared_statements";
    const counts: unknown[] = [];
    for (let round = 0; round < 3; round++) {
      counts.push((await connections()(SETTINGS, (client) => client.query({ text }))).rows[0]);
    }
    expect(counts).toEqual([{ own: 1 }, { own: 1 }, { own: 1 }]);
    expect(parts.shortReads.takes(writeName(text))).toBe(false);
  });

  it("is run again when it failed for the moment, four times at most", async () => {
    await expect(connections()(SETTINGS, (client) => client.query(FAIL))).rejects.toMatchObject({
      code: "40001",
    });
    expect(retried.splice(0)).toEqual(["40001", "40001", "40001"]);
  });

  it("is not run again when it is of several statements, between which something was decided", async () => {
    const run = connections()(SETTINGS, (client) => client.withTransaction((inner) => inner.query(FAIL)));
    await expect(run).rejects.toMatchObject({ code: "40001" });
    expect(retried).toEqual([]);
  });

  it("is not run again after any other failure", async () => {
    const run = connections()(SETTINGS, (client) => client.query({ text: "select 1 / 0" }));
    await expect(run).rejects.toMatchObject({ code: "22012" });
    expect(retried).toEqual([]);
  });

  it("gives its connection back after a failure", async () => {
    const withPgClient = connections();
    for (let round = 0; round < 5; round++) {
      await expect(withPgClient(SETTINGS, (client) => client.query({ text: "nonsense" }))).rejects.toThrow();
    }
    expect([parts.pool.waitingCount, parts.pool.idleCount]).toEqual([0, parts.pool.totalCount]);
  });
});
