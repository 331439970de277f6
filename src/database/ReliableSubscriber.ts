import type { Pool } from "pg";
import { PgSubscriber } from "postgraphile/adaptors/pg";

import { AppError } from "../errors/AppError.ts";

type News = AsyncIterableIterator<string>;

/** Milliseconds between two signs of life of the connection that listens: without any, silence could mean anything. */
const PROBE_INTERVAL = 10_000;

/**
 * PostGraphile's subscriber, which ends every subscription when its connection is lost: who is told nothing more must know
 * it, and ask anew. The library's own (5.1) removes from the list that it walks, and so forgets every other one.
 */
export class ReliableSubscriber extends PgSubscriber {
  readonly #open = new Set<News>();

  /** @param pool of one connection, with a deadline for its statements: an unanswered probe is a lost connection. */
  constructor(pool: Pool) {
    super(pool);
    pool.on("connect", (client) => {
      const probe = () => client.query("select 1").catch(() => undefined);
      const timer = setInterval(() => void probe(), PROBE_INTERVAL);
      timer.unref();
      // Both: an error comes first, before the library's own reaction, but not every end is one.
      client.once("error", () => this.#interrupt());
      client.once("end", () => {
        clearInterval(timer);
        this.#interrupt();
      });
    });
  }

  override subscribe<Topic extends string | number>(topic: Topic): News {
    const news = super.subscribe(topic);
    this.#open.add(news);
    const end = news.return?.bind(news);
    news.return = async (value?: unknown) => {
      this.#open.delete(news);
      return (await end?.(value)) ?? { done: true, value };
    };
    return news;
  }

  #interrupt(): void {
    const interrupted = [...this.#open];
    this.#open.clear();
    for (const news of interrupted) {
      const reason = new AppError("UNAVAILABLE", "News may have been missed; subscribe again.");
      news.throw?.(reason).catch(() => undefined);
    }
  }
}
