import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";
import type { Logger } from "pino";

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
  let client = await connect();

  async function connect(): Promise<Client> {
    const next = new Client({
      connectionString: url,
      application_name: "bailiwick-access",
      keepAlive: true,
    });
    next.on("notification", ({ payload }) => {
      const change = parseAccessChange(payload);
      if (change) {
        onChange(change);
      }
    });
    next.on("error", () => undefined);
    try {
      await next.connect();
      await next.query(`listen ${CHANNEL}`);
    } catch (error) {
      await next.end().catch(() => undefined);
      throw error;
    }
    next.once("end", () => void reconnect());
    return next;
  }

  async function reconnect(): Promise<void> {
    if (ending.signal.aborted) {
      return;
    }
    logger.warn(
      "The connection that hears of ended sessions was lost; websockets are closed until it is back",
    );
    onGap();
    while (!ending.signal.aborted) {
      try {
        client = await connect();
        // Whoever connected in the meantime may have been signed out in it.
        onGap();
        return;
      } catch {
        await sleep(RETRY_INTERVAL, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    }
  }

  return async () => {
    ending.abort();
    await client.end().catch(() => undefined);
  };
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
