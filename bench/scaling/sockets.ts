import { setTimeout as sleep } from "node:timers/promises";

import { type Client, createClient } from "graphql-ws";
import pg from "pg";
import { WebSocket } from "ws";

import { createWorld } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import type { OpenDatabase } from "../../src/database/openDatabase.ts";
import { ServeProcess } from "../../test/support/ServeProcess.ts";
import { readCpuSeconds, readMemoryMegabytes } from "./processCosts.ts";

const AT_A_TIME = 20;
/** Seconds in which nothing happens but signs of life. */
const REST = 24;
const UNLIMITED = {
  RATE_LIMIT_USER: "0",
  RATE_LIMIT_ORGANIZATION: "0",
  RATE_LIMIT_ADDRESS: "0",
  MAX_WEBSOCKETS: "1000000",
  MAX_WEBSOCKETS_PER_ADDRESS: "1000000",
};

/** Memory and processor time of a gateway by how many sockets listen, each with one subscription. */
export async function sockets({ config, urls }: OpenDatabase, counts: readonly number[]): Promise<void> {
  const superuser = new pg.Pool({ connectionString: urls.superuser, max: 2 });
  const { here } = await createWorld(superuser);
  const server = new ServeProcess(config, urls.gateway, { DRAIN_DELAY: "0", ...UNLIMITED });
  const clients: Client[] = [];
  try {
    const { url } = await server.addresses();
    const authorization = `Bearer ${signToken(config.auth, here.provider)}`;
    const open = () =>
      new Promise<void>((resolve, reject) => {
        const client = createClient({
          url: `${url.replace("http", "ws")}/graphql`,
          webSocketImpl: WebSocket,
          lazy: false,
          retryAttempts: 0,
          connectionParams: { authorization },
          onNonLazyError: reject,
          on: { connected: () => resolve() },
        });
        clients.push(client);
        client.subscribe(
          { query: "subscription { notificationReceived { notificationId } }" },
          { next: () => undefined, error: () => undefined, complete: () => undefined },
        );
      });
    for (const count of [0, ...counts]) {
      while (clients.length < count) {
        await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count - clients.length) }, open));
      }
      await sleep(2_000);
      const before = readCpuSeconds(server.pid);
      await sleep(REST * 1_000);
      const share = ((readCpuSeconds(server.pid) - before) / REST) * 100;
      const memory = readMemoryMegabytes(server.pid).toFixed(0);
      console.log(`${count} sockets: ${memory} MB, ${share.toFixed(2)} % of a processor at rest`);
    }
  } finally {
    await Promise.all(clients.map((client) => client.dispose()));
    await server.stop("SIGKILL");
    await superuser.end();
  }
}
