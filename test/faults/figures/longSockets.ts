import { setTimeout as sleep } from "node:timers/promises";

import type { Client } from "graphql-ws";

import { findPostmaster } from "../../../src/database/embedded/postmaster.ts";
import { eventually } from "../../support/eventually.ts";
import { type Bench, type Figure, metricOf, withGateway } from "./bench.ts";
import { DATA_QUERY, makeSender } from "./load.ts";
import { openSockets } from "./openSockets.ts";

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
    const isServed = () =>
      sender.send(DATA_QUERY).then(
        ({ status }) => status === 200,
        () => false,
      );
    await eventually(isServed, 60_000);
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
