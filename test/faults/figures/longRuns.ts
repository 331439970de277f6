import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { type Client, createClient } from "graphql-ws";
import { WebSocket } from "ws";

import { findPostmaster } from "../../../src/database/embedded/postmaster.ts";
import { eventually } from "../eventually.ts";
import {
  allowedConnections,
  type Bench,
  countConnections,
  type Figure,
  metricOf,
  type Served,
  withGateway,
} from "./bench.ts";
import { closedLoad, DATA_QUERY, makeSender, type Outcome, tally } from "./load.ts";

const MINUTE = 60_000;
const MEGABYTE = 1024 * 1024;
const SUBSCRIPTION = "subscription { notificationReceived { operation } }";

interface Sample {
  minutes: number;
  memory: number;
  files: number;
  connections: number;
}

/** Fault 22: everything at once for a long time: rows, errors, new documents, sockets that come and go. */
export async function soak(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, {}, async (gateway) => {
    const { here } = bench.world;
    const headers = bench.headersOf(here.provider);
    const sender = makeSender(gateway.url, headers);
    let sequence = 0;
    const queries = [
      () => DATA_QUERY,
      () => "{ nonsense }",
      () =>
        `query Distinct${sequence} { clinics(first: ${(sequence % 20) + 1}) { nodes { a${sequence}: rowId } } }`,
      () => "{ patients(first: 5) { totalCount } }",
    ];
    const send = () => sender.send(queries[sequence++ % queries.length]?.() ?? DATA_QUERY);
    await closedLoad(send, 8, 30_000);
    const samples: Sample[] = [];
    const outcomes: Outcome[] = [];
    const rounds = Math.max(6, Math.round(bench.soakMinutes * 6));
    const began = performance.now();
    for (let round = 0; round < rounds; round++) {
      outcomes.push(...(await closedLoad(send, 8, (bench.soakMinutes * MINUTE) / rounds)));
      const clients = openSockets(gateway, headers.authorization ?? "", 10, () => undefined);
      await sleep(300);
      clients.forEach((client) => void client.dispose());
      samples.push(await sample(bench, gateway, (performance.now() - began) / MINUTE));
    }
    sender.close();
    const slope = slopeOf(samples.map(({ minutes, memory }) => [minutes, memory / MEGABYTE]));
    const half = samples.slice(samples.length / 2);
    const files = Math.max(...half.map((one) => one.files)) - Math.min(...half.map((one) => one.files));
    const connections = Math.max(...samples.map((one) => one.connections));
    const isWrong = outcomes.filter(
      ({ status }) => status !== 200 && status !== 503 && status !== 400,
    ).length;
    return [
      {
        number: "22",
        fault: `Soak: ${bench.soakMinutes} minutes of rows, errors, ever new documents and sockets`,
        promise: "memory rises by less than 1 MB a minute after warming up; files and connections flat",
        measured: `${outcomes.length.toLocaleString("en")} requests (${tally(outcomes)}); memory ${slope >= 0 ? "+" : ""}${slope.toFixed(2)} MB/min at ${((samples.at(-1)?.memory ?? 0) / MEGABYTE).toFixed(0)} MB; open files vary by ${files}; at most ${connections} connections`,
        holds: slope < 1 && connections <= allowedConnections(bench) && files < 40 && isWrong === 0,
      },
    ];
  });
}

async function sample(bench: Bench, gateway: Served, minutes: number): Promise<Sample> {
  return {
    minutes,
    // Of what is reachable: what the process holds of freed memory is the allocator's business.
    memory: await metricOf(gateway, "nodejs_heap_size_used_bytes").then(async (used) =>
      Math.min(used, await lowestHeap(gateway)),
    ),
    files: readdirSync(`/proc/${gateway.process.pid}/fd`).length,
    connections: await countConnections(bench),
  };
}

/** The heap between two collections goes up and down: the lowest of a few looks is what is kept. */
async function lowestHeap(gateway: Served): Promise<number> {
  let lowest = Infinity;
  for (let look = 0; look < 8; look++) {
    lowest = Math.min(lowest, await metricOf(gateway, "nodejs_heap_size_used_bytes"));
    await sleep(50);
  }
  return lowest;
}

/** Least squares. */
function slopeOf(points: [number, number][]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map(([at]) => at));
  const y = mean(points.map(([, value]) => value));
  const over = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  return over / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
}

/** Fault 23: idle subscriptions while the database is restarted. */
export async function longSockets(bench: Bench): Promise<Figure[]> {
  const count = 500;
  return withGateway(bench, {}, async (gateway) => {
    const told = new Set<number>();
    const { authorization = "" } = bench.headersOf(bench.world.here.provider);
    const clients: Client[] = [];
    // A few at a time, as clients come: five hundred at once would be a crowd, which is another fault.
    while (clients.length < count) {
      const offset = clients.length;
      clients.push(...openSockets(gateway, authorization, 10, (index) => told.add(offset + index)));
      await eventually(async () => (await metricOf(gateway, "bailiwick_websockets")) === clients.length);
      await sleep(50);
    }
    const listening = async () => {
      const { rows } = await bench.superuser.query(
        "select from pg_stat_activity where application_name = 'bailiwick-listen' and query like 'LISTEN%'",
      );
      return rows.length === 1;
    };
    await eventually(listening, 60_000);
    // The last of them is subscribed when the queue before it is empty.
    await sleep(5_000);
    const pid = findPostmaster(bench.clusterDir)?.pid;
    if (pid === undefined) {
      throw new Error("No server runs.");
    }
    const began = performance.now();
    process.kill(pid, "SIGQUIT");
    await eventually(() => told.size === count, 60_000).catch(() => undefined);
    const seconds = (performance.now() - began) / 1000;
    // Before they are let go, which ends every one of them.
    const reached = told.size;
    clients.forEach((client) => void client.dispose());
    const sender = makeSender(gateway.url, { authorization });
    await eventually(async () => (await sender.send(DATA_QUERY)).status === 200, 60_000);
    sender.close();
    const again = openSockets(gateway, authorization, 1, () => undefined);
    await eventually(listening, 60_000);
    again.forEach((client) => void client.dispose());
    return [
      {
        number: "23",
        fault: `${count} idle subscriptions, Postgres restarts`,
        promise: "every subscription ends with an error, so that its client asks anew; none is silently dead",
        measured: `${reached} of ${count} told within ${seconds.toFixed(1)} s; subscribing works again`,
        holds: reached === count,
      },
    ];
  });
}

function openSockets(
  { url }: Served,
  authorization: string,
  count: number,
  onEnd: (index: number) => void,
): Client[] {
  return Array.from({ length: count }, (_, index) => {
    const client = createClient({
      url: `${url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { Authorization: authorization },
    });
    const end = () => onEnd(index);
    // The answer of a subscription that has ended is an error in its news, an error of its own, or its end.
    client.subscribe(
      { query: SUBSCRIPTION },
      { next: ({ errors }) => errors && end(), error: end, complete: end },
    );
    return client;
  });
}
