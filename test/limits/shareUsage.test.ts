import { EventEmitter } from "node:events";

import { expect, it } from "@jest/globals";
import type { Pool } from "pg";
import { pino } from "pino";

import { RateLimiter } from "../../src/limits/RateLimiter.ts";
import { shareUsage } from "../../src/limits/shareUsage.ts";
import { eventually } from "../support/eventually.ts";

const LIMITS = { user: 100, organization: 150, address: 10 };

/** A connection that `fail`s while, or just after, it is told what to listen to. */
class LosingClient extends EventEmitter {
  readonly #fail: (client: EventEmitter) => Promise<void>;
  released = 0;

  constructor(fail: (client: EventEmitter) => Promise<void>) {
    super();
    this.#fail = fail;
  }

  query(): Promise<void> {
    return this.#fail(this);
  }

  /** As pg's pool has it. */
  release(): void {
    if (this.released++ > 0) {
      throw new Error("Release called on client which has already been released to the pool.");
    }
  }
}

it.each([
  [
    "has answered, and before that is known here",
    (client: EventEmitter) => {
      client.emit("error", new Error("terminated"));
      return Promise.resolve();
    },
  ],
  ["refuses to listen", () => Promise.reject(new Error("refused"))],
])("a connection that is lost when it %s is given back once, and not used", async (_, fail) => {
  const client = new LosingClient(fail);
  let ended = false;
  const pool = {
    connect: () => Promise.resolve(client),
    end: async () => void (ended = true),
  } as unknown as Pick<Pool, "connect" | "end">;
  const limiter = new RateLimiter(LIMITS);
  const sharing = shareUsage(limiter, pool, pino({ level: "silent" }));
  await limiter.charge([{ kind: "user", id: "ann" }], 1);
  await eventually(() => client.released > 0);
  // Long enough for the next exchange.
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(limiter.takeUsage()).toEqual(new Map([["user:ann", 1]]));
  await sharing.close();
  expect({ released: client.released, ended }).toEqual({ released: 1, ended: true });
});
