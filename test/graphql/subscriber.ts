import { afterEach } from "@jest/globals";
import { type Client, createClient, type FormattedExecutionResult } from "graphql-ws";
import { WebSocket } from "ws";

import type { Actor, TestDatabase } from "../support/database.ts";
import type { GraphqlError, TestGateway } from "../support/graphql.ts";

export type News = FormattedExecutionResult<Record<string, unknown>, unknown>;

export interface Subscriber {
  /** Subscribes with any connection parameters; news come one by one from the iterator. */
  subscribe(
    connectionParams: Record<string, unknown>,
    query: string,
    variables?: Record<string, unknown>,
  ): AsyncIterableIterator<News>;
  /** Subscribes as a person. */
  as(person: Actor, query: string, variables?: Record<string, unknown>): AsyncIterableIterator<News>;
  /** Waits until the gateway listens on a channel: an earlier announcement would be missed. */
  untilListening(channel: string): Promise<void>;
}

export const errorsOf = (news: IteratorResult<News>) =>
  (news.value as News).errors as GraphqlError[] | undefined;

/** Opens websockets to the gateway and closes them after each test. */
export function useSubscriber(db: TestDatabase, api: TestGateway): Subscriber {
  const clients: Client[] = [];
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.dispose()));
  });
  const subscribe: Subscriber["subscribe"] = (connectionParams, query, variables) => {
    const url = `${api.url.replace("http", "ws")}/graphql`;
    const client = createClient({ url, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0 });
    clients.push(client);
    return client.iterate({ query, variables }) as AsyncIterableIterator<News>;
  };
  return {
    subscribe,
    as: (person, query, variables) =>
      subscribe({ Authorization: `Bearer ${api.tokenOf(person)}`, "X-Request-Id": "same" }, query, variables),
    async untilListening(channel) {
      for (let attempt = 0; attempt < 100; attempt += 1) {
        // The last statement of the connection that listens; tests start their subscriptions one after another.
        const { rows } = await db.superuser.query(
          "select from pg_stat_activity where datname = $1 and application_name = 'bailiwick-listen' and query = $2",
          [db.name, `LISTEN "${channel}"`],
        );
        if (rows.length > 0) {
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`The gateway does not listen on '${channel}' after two seconds.`);
    },
  };
}
