import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { eventually } from "../../support/eventually.ts";
import {
  allowedConnections,
  type Bench,
  countConnections,
  type Figure,
  metricOf,
  withGateway,
} from "./bench.ts";
import { closedLoad, isHonest, LIGHT_QUERY, makeSender, openLoad, percentile, tally } from "./load.ts";

const POOL_WAIT = 500;

/** Fault 5: fewer connections than slow statements. */
export async function exhaustedPool(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, { GATEWAY_POOL_SIZE: "5" }, async (gateway) => {
    const sender = makeSender(gateway.url, bench.headersOf(bench.world.here.provider));
    const slow = Array.from({ length: 50 }, () => sender.send("{ wait(seconds: 3) }"));
    await sleep(1_000);
    const others = await closedLoad(() => sender.send(LIGHT_QUERY), 4, 1_500);
    const live = await fetch(`${gateway.adminUrl}/live`);
    const answered = (await Promise.all(slow)).map(({ status }) => status);
    const freed = performance.now();
    await eventually(async () => (await sender.send(LIGHT_QUERY)).status === 200);
    const recovery = performance.now() - freed;
    sender.close();
    const refused = others.filter(({ status }) => status === 503);
    const p99 = percentile(
      refused.map(({ milliseconds }) => milliseconds),
      0.99,
    );
    return [
      {
        number: "5",
        fault: "Pool of 5, 50 slow queries",
        promise: `the rest is refused with 503 in about the wait limit (${POOL_WAIT} ms, p99 < 750); alive; recovers < 1 s`,
        measured: `slow ones: 200 × ${answered.filter((status) => status === 200).length}, 503 × ${answered.filter((status) => status === 503).length}; others: ${tally(others)}, p99 ${p99.toFixed(0)} ms; /live ${live.status}; recovered in ${(recovery / 1000).toFixed(2)} s`,
        holds: others.every(isHonest) && p99 < 750 && live.status === 200 && recovery < 1_000,
      },
    ];
  });
}

/** Fault 6: three times as many requests as can be served, whoever waits for them. */
export async function overload(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, {}, async (gateway) => {
    const sender = makeSender(gateway.url, bench.headersOf(bench.world.here.provider));
    const send = () => sender.send(LIGHT_QUERY);
    await closedLoad(send, 16, 3_000);
    const milliseconds = bench.seconds * 1000;
    const peak = (await closedLoad(send, 16, milliseconds)).filter(isHonest).length / bench.seconds;
    const before = await metricOf(gateway, "process_resident_memory_bytes");
    const outcomes = await openLoad(send, peak * 3, milliseconds);
    const after = await metricOf(gateway, "process_resident_memory_bytes");
    sender.close();
    const served = outcomes.filter(({ status, at }) => status === 200 && at <= milliseconds);
    const goodput = served.length / bench.seconds / peak;
    const p99 = percentile(
      served.map((outcome) => outcome.milliseconds),
      0.99,
    );
    const grown = (after - before) / 1024 / 1024;
    return [
      {
        number: "6",
        fault: `Overload: 3 × capacity (${Math.round(peak * 3)} requests/s) for ${bench.seconds} s`,
        promise:
          "goodput ≥ 80 % of peak; the rest is shed with 503 and Retry-After; memory bounded (< 200 MB more)",
        measured: `peak ${peak.toFixed(0)}/s; goodput ${(goodput * 100).toFixed(0)} %; ${tally(outcomes)}; p99 of the served ${p99.toFixed(0)} ms; memory ${grown >= 0 ? "+" : ""}${grown.toFixed(0)} MB`,
        holds: goodput >= 0.8 && outcomes.every(isHonest) && grown < 200,
      },
    ];
  });
}

/** Fault 7: a statement and a lock that take too long. */
export async function slowStatement(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, {}, async (gateway) => {
    const sender = makeSender(gateway.url, bench.headersOf(bench.world.here.provider));
    const began = performance.now();
    const answer = await sender.send("{ wait(seconds: 60) }");
    const seconds = (performance.now() - began) / 1000;
    const alive = await countConnections(bench, "wait_event = 'PgSleep'");
    const locker = await bench.superuser.connect();
    await locker.query("begin");
    await locker.query("select pg_advisory_xact_lock(77)");
    const lockBegan = performance.now();
    const lockAnswer = await sender.send(
      "mutation { crossWays(input: { first: 77, second: 78 }) { result } }",
    );
    const lockSeconds = (performance.now() - lockBegan) / 1000;
    await locker.query("rollback");
    locker.release();
    sender.close();
    const isTimeout = [answer, lockAnswer].every(({ text }) => text.includes('"TIMEOUT"'));
    return [
      {
        number: "7",
        fault: "Query of 60 s; lock that is not given back",
        promise:
          "cancelled in the server after 10 s, the lock wait after 5 s, ± 10 %; code TIMEOUT; the backend is idle",
        measured: `${seconds.toFixed(1)} s and ${lockSeconds.toFixed(1)} s; ${isTimeout ? "TIMEOUT" : "another answer"}; ${alive} still running`,
        holds: isTimeout && alive === 0 && within(seconds, 10) && within(lockSeconds, 5),
      },
    ];
  });
}

function within(value: number, target: number): boolean {
  return Math.abs(value - target) <= target / 10;
}

/** Fault 8: clients who leave while their query runs. */
export async function departures(bench: Bench): Promise<Figure[]> {
  const count = 1000;
  return withGateway(bench, {}, async (gateway) => {
    const headers = { "content-type": "application/json", ...bench.headersOf(bench.world.here.provider) };
    const leave = async () => {
      const outgoing = request(`${gateway.url}/graphql`, { method: "POST", headers, agent: false });
      outgoing.on("error", () => undefined).end(JSON.stringify({ query: "{ wait(seconds: 5) }" }));
      await sleep(20 + Math.random() * 60);
      outgoing.destroy();
    };
    const began = performance.now();
    for (let left = 0; left < count; left += 8) {
      await Promise.all(Array.from({ length: 8 }, leave));
    }
    await eventually(async () => (await countConnections(bench, "wait_event = 'PgSleep'")) === 0);
    const seconds = (performance.now() - began) / 1000;
    const sender = makeSender(gateway.url, bench.headersOf(bench.world.here.provider));
    const after = await closedLoad(() => sender.send(LIGHT_QUERY), 10, 1_000);
    sender.close();
    const cancelled = await metricOf(gateway, "bailiwick_database_cancellations_total");
    const connections = await countConnections(bench);
    return [
      {
        number: "8",
        fault: `${count} clients leave while their query of 5 s runs`,
        promise: "statements stop in the server; the pool is as before, and everybody after them is served",
        measured: `${cancelled} statements cancelled, none still running, in ${seconds.toFixed(0)} s; ${connections} connections (${allowedConnections(bench)} allowed); afterwards ${tally(after)}`,
        holds: connections <= allowedConnections(bench) && after.every(({ status }) => status === 200),
      },
    ];
  });
}
