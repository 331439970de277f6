import { type Client, createClient } from "graphql-ws";
import { WebSocket } from "ws";

import type { Served } from "./bench.ts";

const SUBSCRIPTION = "subscription { notificationReceived { operation } }";

/** Clients with one subscription each; `onEnd` is told which of them has ended, in whatever way. */
export function openSockets(
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
