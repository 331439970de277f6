import { setTimeout as sleep } from "node:timers/promises";

import type { PoolClient } from "pg";
import type { Logger } from "pino";

import { makeListeningPool } from "../database/makeListeningPool.ts";
import { isUuid } from "./claims.ts";

/** Somebody's rights have become less: a session or an account has ended, or a membership or role was taken away. */
export interface AccessChange {
  sessionId: string | null;
  userId: string | null;
  /** Whether they are signed out by it. */
  ended: boolean;
}

interface AccessChangeHandlers {
  onChange: (change: AccessChange) => void;
  /** Changes may have gone unheard. */
  onGap: () => void;
}

/** What `app_private.tg__announce_access` notifies. */
const CHANNEL = "access_changed";
/** Milliseconds between attempts to be connected again. */
const RETRY_INTERVAL = 1000;

/**
 * Listens for what the database announces of rights that have become less, on a connection of its own; rejects if it
 * cannot be had. When it is lost, `onGap` is called and another one opened. Resolves with the function that ends it.
 */
export async function listenForAccessChanges(
  url: string,
  logger: Logger,
  { onChange, onGap }: AccessChangeHandlers,
): Promise<() => Promise<void>> {
  const ending = new AbortController();
  const pool = makeListeningPool(url, "bailiwick-access", logger);
  let client: PoolClient | null = null;

  async function connect(): Promise<void> {
    const next = await pool.connect();
    next.on("notification", ({ payload }) => {
      const change = parseAccessChange(payload);
      if (change) {
        onChange(change);
      }
    });
    try {
      await next.query(`listen ${CHANNEL}`);
      ending.signal.throwIfAborted();
    } catch (error) {
      next.release(true);
      throw error;
    }
    client = next;
    next.once("end", () => void reconnect(next));
  }

  async function reconnect(lost: PoolClient): Promise<void> {
    if (ending.signal.aborted) {
      return;
    }
    client = null;
    lost.release(true);
    logger.warn(
      "The connection that hears of ended sessions was lost; websockets are closed until it is back",
    );
    onGap();
    while (!ending.signal.aborted) {
      try {
        await connect();
        // Whoever connected in the meantime may have been signed out in it.
        onGap();
        return;
      } catch {
        await sleep(RETRY_INTERVAL, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    }
  }

  const stop = async () => {
    ending.abort();
    client?.release(true);
    await pool.end();
  };
  try {
    await connect();
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** Null for what is no announcement of ours: any role of the database may notify. */
function parseAccessChange(payload: string | undefined): AccessChange | null {
  try {
    const { sessionId, userId, ended } = JSON.parse(payload ?? "") as Record<string, unknown>;
    const change = {
      sessionId: isUuid(sessionId) ? sessionId : null,
      userId: isUuid(userId) ? userId : null,
      ended: ended === true,
    };
    return change.sessionId !== null || change.userId !== null ? change : null;
  } catch {
    return null;
  }
}
