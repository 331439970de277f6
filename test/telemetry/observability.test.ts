import { createHmac } from "node:crypto";

import { afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type Logger, pino } from "pino";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { makePseudonym } from "../../src/telemetry/pseudonyms.ts";
import { useSubscriber } from "../graphql/subscriber.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { useGateway } from "../support/graphql.ts";

const written: string[] = [];
const logger: Logger = pino({ level: "info" }, { write: (line: string) => void written.push(line) });
const db = useTestDatabase();
const api = useGateway(db, { logger });
const subscriber = useSubscriber(db, api);
const CANARY = "Canary-8f1d-Needle";
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});
afterEach(() => void written.splice(0));

type RequestLine = Record<string, unknown>;
const requestLines = () =>
  written.map((line) => JSON.parse(line) as RequestLine).filter(({ msg }) => msg === "request");
/** The answer is there a moment before its line. */
async function lines(count: number): Promise<RequestLine[]> {
  await eventually(() => requestLines().length >= count);
  return requestLines();
}
const metricsText = async () => (await fetch(`${api.gateway.adminUrl}/metrics`)).text();

/** Every field that a line of a request may have. */
const ALLOWED = new Set([
  ...["level", "time", "pid", "hostname", "scope", "msg"],
  ...["requestId", "kind", "operation", "actor", "address", "status", "codes", "cost", "milliseconds"],
  ...["databaseMilliseconds", "waitedMilliseconds", "transactions", "left", "traceId"],
]);

describe("the log", () => {
  it("has one line for a request: who by pseudonym, what by name, how it ended and how long it took", async () => {
    await api.query(world.here.provider, "query Clinics { clinics { nodes { rowId } } }", {
      headers: { "X-Request-Id": "line-1" },
    });
    const [line, ...others] = await lines(1);
    expect(others).toEqual([]);
    expect(line).toMatchObject({
      requestId: "line-1",
      kind: "query",
      operation: "Clinics",
      status: 200,
      actor: makePseudonym(db.config)(world.here.provider.userId),
      transactions: 1,
      milliseconds: expect.any(Number),
      databaseMilliseconds: expect.any(Number),
    });
    expect(JSON.stringify(line)).not.toContain(world.here.provider.userId);
    expect(JSON.stringify(line)).not.toContain("127.0.0.1");
  });

  it("has the same pseudonym for the same person and another for another", async () => {
    for (const person of [world.here.provider, world.here.provider, world.here.staff, null]) {
      await api.query(person, "{ __typename }");
    }
    const [first, second, third, fourth] = (await lines(4)).map(({ actor }) => actor);
    expect([second === first, third === first, fourth]).toEqual([true, false, null]);
    expect(first).not.toBe(
      createHmac("sha256", "").update(world.here.provider.userId).digest("hex").slice(0, 16),
    );
  });

  it("has a line for what is refused before GraphQL, and names the code", async () => {
    await fetch(`${api.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer nonsense" },
      body: "{}",
    });
    expect((await lines(1))[0]).toMatchObject({
      kind: "none",
      status: 401,
      codes: ["UNAUTHENTICATED"],
      actor: null,
    });
  });

  it("has a line for each operation of a websocket", async () => {
    const news = subscriber.as(world.here.provider, "query OverSocket { clinics { nodes { rowId } } }");
    await news.next();
    expect((await lines(1))[0]).toMatchObject({ kind: "query", operation: "OverSocket", status: null });
    expect(await metricsText()).toMatch(/^bailiwick_websockets 1$/m);
  });

  it("has no field but those, and no value of a request wherever it stands", async () => {
    await api.query(
      world.here.staff,
      `mutation ($id: ID!) { updatePatient(input: { id: $id, patch: { city: "${CANARY}" } }) { patient { city } } }`,
      {
        variables: { id: Buffer.from(JSON.stringify(["Patient", world.here.patient.id])).toString("base64") },
        headers: { "User-Agent": CANARY, Cookie: CANARY, "X-Purpose-Of-Use": "treatment" },
      },
    );
    await api.query(world.here.staff, `{ ${CANARY.replaceAll("-", "")} }`);
    await api.query(null, "query ($x: Int!) { __typename }", { variables: { x: CANARY } });
    await fetch(`${api.url}/graphql?${CANARY}`, {
      method: "POST",
      body: CANARY,
      headers: { "x-canary": CANARY },
    });
    await fetch(`${api.url}/${CANARY}`);
    for (const line of await lines(5)) {
      expect(Object.keys(line).filter((field) => !ALLOWED.has(field))).toEqual([]);
    }
    expect(written.join("")).not.toMatch(new RegExp(`${CANARY}|${CANARY.replaceAll("-", "")}`));
  });
});

describe("the request's id", () => {
  it("is on the change that it made", async () => {
    await api.query(
      world.here.staff,
      'mutation ($id: ID!) { updatePatient(input: { id: $id, patch: { city: "Bern" } }) { patient { city } } }',
      {
        variables: { id: Buffer.from(JSON.stringify(["Patient", world.here.patient.id])).toString("base64") },
        headers: { "X-Request-Id": "audited-1" },
      },
    );
    const { rows } = await db.superuser.query(
      "select row_id from app_audit.events where request_id = 'audited-1' and command = 'UPDATE'",
    );
    expect(rows).toEqual([{ row_id: world.here.patient.id }]);
  });
});

describe("/metrics", () => {
  it("counts by kind and outcome, and times operations", async () => {
    await api.query(null, "{ clinics { nodes { rowId } } }");
    await eventually(async () =>
      /^bailiwick_operations_total{kind="query",outcome="UNAUTHENTICATED"} [1-9]/m.test(await metricsText()),
    );
    const text = await metricsText();
    for (const name of [
      'bailiwick_operation_seconds_count{operation="other",kind="query"}',
      'bailiwick_cache_requests_total{cache="plans",result="miss"}',
      'bailiwick_database_connections{state="allowed"}',
      'bailiwick_jobs{state="waiting"}',
      'bailiwick_lag_seconds{of="jobs"}',
      "bailiwick_database_wait_seconds_count",
      "nodejs_eventloop_lag_seconds",
      "process_resident_memory_bytes",
    ]) {
      expect(text).toContain(name);
    }
  });

  it("has no word of a client's and no id in a label", async () => {
    await api.query(
      world.here.provider,
      `query ${CANARY.replaceAll("-", "")} { clinics { nodes { rowId } } }`,
    );
    await lines(1);
    const text = await metricsText();
    expect(text).not.toContain(CANARY.replaceAll("-", ""));
    expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  });
});

describe("readiness", () => {
  const ready = async () => {
    const response = await fetch(`${api.gateway.adminUrl}/ready`);
    const { checks } = (await response.json()) as { checks: Record<string, boolean> };
    return [response.status, checks.worker];
  };
  const beats = (age: string, stopped = false) =>
    db.superuser.query(
      `insert into app_private.worker_heartbeats (worker_id, beaten_at, stopped_at)
       values ('w1', now() - $1::interval, case when $2 then now() end)
       on conflict (worker_id) do update set beaten_at = excluded.beaten_at, stopped_at = excluded.stopped_at`,
      [age, stopped],
    );

  it("misses a worker that has fallen silent, and neither one that is alive nor one that has stopped in order", async () => {
    expect(await ready()).toEqual([200, true]);
    await beats("10 seconds");
    await eventually(async () => (await ready())[1] === true);
    await beats("2 minutes");
    await eventually(async () => JSON.stringify(await ready()) === "[503,false]");
    await beats("2 minutes", true);
    await eventually(async () => JSON.stringify(await ready()) === "[200,true]");
  });
});
