import { request } from "node:http";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { useGateway } from "../support/graphql.ts";
import { addSlowFunctions } from "../support/slowFunctions.ts";

jest.setTimeout(60_000);

const POOL_SIZE = 2;
const MAXIMUM_REQUESTS = 20;
const db = useTestDatabase();
const api = useGateway(db, {
  prepare: () => addSlowFunctions(db.superuser),
  configure: (config) => ({
    ...config,
    http: { ...config.http, maximumConcurrent: MAXIMUM_REQUESTS },
    database: { ...config.database, gatewayPoolSize: POOL_SIZE, gatewayPoolWait: 200 },
  }),
});
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const ask = (query = "{ clinics { nodes { rowId } } }") => api.query(world.here.provider, query);
/** A request that goes on until it is ended. */
const open = (beginning: string) => {
  const outgoing = request(`${api.url}/graphql`, {
    method: "POST",
    agent: false,
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${api.tokenOf(world.here.provider)}`,
    },
  });
  outgoing.on("error", () => undefined).write(beginning);
  return outgoing;
};
const waiting = (seconds: number) => `{ wait(seconds: ${seconds}) }`;
const metric = async (name: string) => {
  const text = await (await fetch(`${api.gateway.adminUrl}/metrics`)).text();
  return Number(new RegExp(`^${name.replaceAll(/[{}"]/g, "\\$&")} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
};
const activeWaits = async () => {
  const { rows } = await db.superuser.query(
    "select from pg_stat_activity where datname = $1 and wait_event = 'PgSleep'",
    [db.name],
  );
  return rows.length;
};

describe("when every connection is busy", () => {
  it("refuses the rest with 503, Retry-After and the code UNAVAILABLE, and stays alive and ready", async () => {
    const slow = Array.from({ length: POOL_SIZE }, () => ask(waiting(3)));
    await eventually(async () => (await activeWaits()) === POOL_SIZE);
    const { status, headers, errors } = await ask();
    expect([status, errors?.[0]?.extensions?.code]).toEqual([503, "UNAVAILABLE"]);
    expect(headers.get("retry-after")).toMatch(/^\d+$/);
    const probe = async (path: string) => (await fetch(`${api.gateway.adminUrl}${path}`)).status;
    expect([await probe("/live"), await probe("/ready")]).toEqual([200, 200]);
    expect((await Promise.all(slow)).map(({ status: slowStatus }) => slowStatus)).toEqual([200, 200]);
    expect((await ask()).status).toBe(200);
    expect(await metric('bailiwick_refusals_total{reason="database_waited"}')).toBeGreaterThan(0);
  });
});

describe("when more requests come than can be served", () => {
  /** Requests whose bodies never end: they are being served for as long as they are held. */
  const hold = (count: number) => {
    const held = Array.from({ length: count }, () => open("{"));
    return () => held.forEach((outgoing) => outgoing.destroy());
  };

  it("refuses the others before it reads them, and serves again when there is room", async () => {
    const release = hold(MAXIMUM_REQUESTS);
    await eventually(async () => (await metric("bailiwick_requests_inside")) === MAXIMUM_REQUESTS);
    const { status, headers, errors } = await ask();
    expect([status, headers.get("retry-after")]).toEqual([503, "1"]);
    expect(errors?.[0]?.extensions).toEqual({
      code: "UNAVAILABLE",
      requestId: headers.get("x-request-id"),
    });
    expect(await metric('bailiwick_refusals_total{reason="overload"}')).toBe(1);
    release();
    await eventually(async () => (await metric("bailiwick_requests_inside")) === 0);
    expect((await ask()).status).toBe(200);
  });
});

describe("a client that leaves", () => {
  const leave = (query: string) => {
    const outgoing = open(JSON.stringify({ query }));
    outgoing.end();
    return () => outgoing.destroy();
  };

  it("takes its statement with it: the server stops it and the connection is free", async () => {
    const before = await metric("bailiwick_database_cancellations_total");
    for (let round = 0; round < 3; round++) {
      const depart = leave(waiting(9));
      await eventually(async () => (await activeWaits()) === 1);
      depart();
      await eventually(async () => (await activeWaits()) === 0, 5_000);
    }
    expect((await metric("bailiwick_database_cancellations_total")) - before).toBe(3);
    expect((await Promise.all([ask(), ask()])).map(({ status }) => status)).toEqual([200, 200]);
  });

  it("does not stop a mutation: what has become of it can be asked for again", async () => {
    const { patient } = world.here;
    const phone = async () => {
      const sql = "select phone from app_public.patients where id = $1";
      return (await db.superuser.query<{ phone: string | null }>(sql, [patient.id])).rows[0]?.phone;
    };
    const openTransactions = async () => {
      const { rows } = await db.superuser.query(
        "select from pg_stat_activity where datname = $1 and usename <> current_user and xact_start is not null",
        [db.name],
      );
      return rows.length;
    };
    const cancellations = () => metric("bailiwick_database_cancellations_total");
    const before = await cancellations();
    const depart = leave(
      `mutation { changeSlowly(input: { patientId: "${patient.id}", phone: "555-0199" }) { result } }`,
    );
    await eventually(async () => (await activeWaits()) === 1);
    depart();
    expect(await phone()).not.toBe("555-0199");
    // The mutation has further statements after its wait: its transaction ends a moment later.
    await eventually(async () => (await openTransactions()) === 0);
    expect(await phone()).toBe("555-0199");
    expect(await cancellations()).toBe(before);
  });
});
