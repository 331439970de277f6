import { randomUUID } from "node:crypto";

import type { Client, Pool, PoolClient } from "pg";
import type { Logger } from "pino";

import type { RateLimiter, Usage } from "./RateLimiter.ts";

const CHANNEL = "bailiwick_usage";
/** How often a process tells the others: between two of these, each may spend what the others do not know of yet. */
const INTERVAL = 250;
const RECONNECT_INTERVAL = 5_000;
/** Postgres refuses announcements of 8000 bytes and more. */
const ENTRIES_PER_ANNOUNCEMENT = 80;

interface Announcement {
  from: string;
  usage: [key: string, points: number][];
}

interface Connection {
  client: PoolClient;
  /** Once, however often it is called. */
  release(): void;
}

/**
 * Tells the other gateways of this database what was spent here, and counts what they tell: limits hold for all of them
 * together, and no request waits for it. Announcements need no table and no right, and the connection is one of its own.
 * Without the database every process goes on counting alone.
 *
 * @param pool of one connection (makeListeningPool()): counts are exchanged while every other one is in use. Ended by `close`.
 */
export function shareUsage(
  limiter: RateLimiter,
  pool: Pick<Pool, "connect" | "end">,
  logger: Logger,
): { close: () => Promise<void> } {
  const instance = randomUUID();
  let connection: Connection | null = null;
  let isClosed = false;
  let nextConnection = 0;

  const count = (payload: string | undefined) => {
    const usage = readUsage(payload, instance);
    if (usage) {
      void limiter.addUsage(usage);
    }
  };
  const connect = async () => {
    nextConnection = Date.now() + RECONNECT_INTERVAL;
    connection = await listen(pool, { onPayload: count, onLost: () => (connection = null) });
  };

  const exchange = async () => {
    if (connection) {
      await announce(connection.client, instance, limiter.takeUsage());
    } else if (Date.now() >= nextConnection) {
      await connect();
    }
  };

  let running: Promise<void> = Promise.resolve();
  let isRunning = false;
  const timer = setInterval(() => {
    if (!isRunning && !isClosed) {
      isRunning = true;
      running = exchange()
        .catch((error: unknown) => logger.warn({ err: error }, "Limits are counted by this process alone"))
        .finally(() => (isRunning = false));
    }
  }, INTERVAL);
  timer.unref();

  return {
    async close() {
      isClosed = true;
      clearInterval(timer);
      await running;
      connection?.release();
      await pool.end();
    },
  };
}

/** @returns null where the connection was lost just after it had answered. Rejects where it cannot listen. */
async function listen(
  pool: Pick<Pool, "connect">,
  { onPayload, onLost }: { onPayload: (payload: string | undefined) => void; onLost: () => void },
): Promise<Connection | null> {
  const client = await pool.connect();
  let isReleased = false;
  const release = () => {
    if (!isReleased) {
      isReleased = true;
      onLost();
      client.release(true);
    }
  };
  client.once("error", release);
  client.on("notification", ({ payload }) => onPayload(payload));
  try {
    await client.query(`listen ${CHANNEL}`);
  } catch (error) {
    release();
    throw error;
  }
  return isReleased ? null : { client, release };
}

async function announce(client: Client | PoolClient, from: string, usage: Usage): Promise<void> {
  const entries = [...usage];
  for (let start = 0; start < entries.length; start += ENTRIES_PER_ANNOUNCEMENT) {
    const announcement: Announcement = {
      from,
      usage: entries.slice(start, start + ENTRIES_PER_ANNOUNCEMENT),
    };
    // The statement and not pg_notify(), which nobody but the project's own functions may call.
    await client.query(`notify ${CHANNEL}, ${client.escapeLiteral(JSON.stringify(announcement))}`);
  }
}

/** What another process has announced; null for our own announcement and for anything else. */
function readUsage(payload: string | undefined, instance: string): Usage | null {
  let announcement: Partial<Announcement>;
  try {
    announcement = JSON.parse(payload ?? "null") ?? {};
  } catch {
    return null;
  }
  if (announcement.from === instance || !Array.isArray(announcement.usage)) {
    return null;
  }
  const entries = announcement.usage.filter(
    (entry) => Array.isArray(entry) && typeof entry[0] === "string" && Number(entry[1]) > 0,
  );
  return new Map(entries);
}
