import { beforeAll } from "@jest/globals";
import { type Logger, pino } from "pino";

import { signToken } from "../../src/auth/signToken.ts";
import type { Config } from "../../src/config.ts";
import { type RunningGateway, startGateway } from "../../src/gateway.ts";
import type { Actor, TestDatabase } from "./database.ts";

export interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions?: { code?: string; requestId?: string };
}

export interface GraphqlAnswer {
  status: number;
  headers: Headers;
  /** The body as it came. */
  text: string;
  // A test knows what it asked for; typing each answer would say it twice.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  data: any;
  errors: GraphqlError[] | undefined;
}

export interface GraphqlRequest {
  variables?: Record<string, unknown>;
  /** Such as X-Organization-Id. */
  headers?: Record<string, string>;
}

export interface TestGateway {
  /** Without a trailing slash; the API is at `/graphql` below it. */
  readonly url: string;
  readonly gateway: RunningGateway;
  /** Posts a query as a person, or without a token. */
  query(actor: Actor | null, query: string, request?: GraphqlRequest): Promise<GraphqlAnswer>;
  /** The token that `query` sends for a person: what the gateway itself signs at sign-in. */
  tokenOf(actor: Actor): string;
}

export interface GatewayOptions {
  /** Changes the configuration of the test's database. */
  configure?: (config: Config) => Config;
  /** What has to be there before the gateway reads the schema; gives the connection it takes, if it is another. */
  prepare?: () => Promise<string | void>;
  /** Where it logs to; nowhere by default. */
  logger?: Logger;
}

/** Milliseconds; building the API takes its time on a machine that is busy with other tests. */
const START_TIMEOUT = 120_000;

/** Starts the real gateway on a free port over the file's database, and stops it at the end. */
export function useGateway(
  db: Pick<TestDatabase, "config" | "urls" | "beforeDrop">,
  options: GatewayOptions = {},
): TestGateway {
  let gateway: RunningGateway | undefined;
  const running = () => {
    if (!gateway) {
      throw new Error("The gateway runs inside tests only: it starts before the first of them.");
    }
    return gateway;
  };
  const baseUrl = () => running().url.replace(/\/$/, "");
  beforeAll(async () => {
    const url = (await options.prepare?.()) ?? db.urls.gateway;
    const started = await startGateway(options.configure?.(db.config) ?? db.config, {
      url,
      logger: options.logger ?? pino({ level: db.config.log.level }),
    });
    // Here, since what is registered is released once: where files run again in one process, each run starts another.
    db.beforeDrop(() => started.close());
    gateway = started;
  }, START_TIMEOUT);
  const tokenOf = (actor: Actor) => signToken(db.config.auth, actor);
  return {
    get url() {
      return baseUrl();
    },
    get gateway() {
      return running();
    },
    tokenOf,
    async query(actor, query, { variables, headers } = {}) {
      const response = await fetch(`${baseUrl()}/graphql`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json",
          ...(actor && { authorization: `Bearer ${tokenOf(actor)}` }),
          ...headers,
        },
        body: JSON.stringify({ query, variables }),
      });
      const text = await response.text();
      const { data, errors } = JSON.parse(text) as Pick<GraphqlAnswer, "data" | "errors">;
      return { status: response.status, headers: response.headers, text, data, errors };
    },
  };
}
