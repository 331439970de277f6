import { LRUCache } from "lru-cache";
import type { Pool } from "pg";

import { withPgSettings } from "../database/withTenant.ts";
import type { Identity } from "./authenticate.ts";
import { pgSettings } from "./pgSettings.ts";
import { remember } from "./remember.ts";
import { NO_SCOPE } from "./requestScope.ts";

/** Puts on record that a session turns up at another client; nothing for whoever has no session of ours. */
export type NoteClient = (identity: Pick<Identity, "claims" | "origin">) => Promise<void>;

/** As many as `app_hidden.note_session_client` keeps of a session; to ask it for one more changes nothing. */
const KEPT = 100;
const REMEMBERED_SESSIONS = 20_000;
/** Milliseconds. */
const REMEMBERED_FOR = 10 * 60 * 1000;

/**
 * Asks the database once for each client of a session, and remembers that by session: whoever invents clients asks it no
 * more often than it keeps them, and makes nobody else's be forgotten.
 */
export function makeNoteClient(pool: Pool): NoteClient {
  const sessions = new LRUCache<string, Map<string, Promise<void>>>({
    max: REMEMBERED_SESSIONS,
    ttl: REMEMBERED_FOR,
  });
  return async ({ claims, origin: { requestId, client } }) => {
    if (!claims?.sessionId || client === null) {
      return;
    }
    const clients = sessions.get(claims.sessionId) ?? new Map<string, Promise<void>>();
    if (clients.size === 0) {
      sessions.set(claims.sessionId, clients);
    }
    if (clients.size >= KEPT && !clients.has(client.hash)) {
      // Those that are still on their way may fail, and then there was room for this one.
      await Promise.all(clients.values());
      return;
    }
    await remember(clients, client.hash, () =>
      withPgSettings(pool, pgSettings(claims, NO_SCOPE, requestId), async (connection) => {
        await connection.query("select app_hidden.note_session_client($1)", [client.hash]);
      }),
    );
  };
}
