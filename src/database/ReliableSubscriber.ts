import type { Pool } from "pg";
import type { Logger } from "pino";
import { PgSubscriber } from "postgraphile/adaptors/pg";

import { AppError } from "../errors/AppError.ts";
import { makeListeningPool } from "./makeListeningPool.ts";

type News = AsyncIterableIterator<string>;

/**
 * PostGraphile's subscriber, which ends every subscription when its connection is lost: who is told nothing more must know
 * it, and ask anew. The library's own (5.1) removes from the list that it walks, and so forgets every other one.
 */
export class ReliableSubscriber extends PgSubscriber {
  readonly #open = new Set<News>();

  readonly #pool: Pool;

  /** On a connection of its own: it is kept for as long as somebody listens, and must not be missing for requests. */
  constructor(url: string, logger: Logger) {
    const pool = makeListeningPool(url, "bailiwick-listen", logger);
    super(pool);
    this.#pool = pool;
    // The library also gives up a connection that is none the worse, and forgets who listens there.
    pool.on("release", () => this.#interrupt());
    pool.on("connect", (client) => {
      // Both: an error comes first, before the library's own reaction, but not every end is one.
      client.once("error", () => this.#interrupt());
      client.once("end", () => this.#interrupt());
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

  async close(): Promise<void> {
    this.release();
    await this.#pool.end();
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
