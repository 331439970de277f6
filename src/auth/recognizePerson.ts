import { LRUCache } from "lru-cache";
import type { Pool } from "pg";

import { withPgSettings } from "../database/withTenant.ts";
import { AppError } from "../errors/AppError.ts";
import { classifyError } from "../errors/classifyError.ts";
import type { Claims, OutsideClaims, TokenClaims } from "./claims.ts";
import type { Client } from "./clientHash.ts";
import type { IdentityFacts } from "./identityFacts.ts";
import { pgSettings } from "./pgSettings.ts";
import { NO_SCOPE } from "./requestScope.ts";

/** What is known of where a request comes from, and its id for the audit. */
export interface RequestOrigin {
  requestId: string;
  client: Client | null;
}

export interface RecognizePerson {
  /** Finds the user that a verified token stands for. Throws FORBIDDEN where its subject is nobody here. */
  (claims: TokenClaims, origin: RequestOrigin): Promise<Claims>;
  /** Forgets whom an outside issuer's subjects stand for, as far as it is this user. */
  forget(userId: string): void;
}

/** Read by `app_hidden.resolve_identity`. No header and no claim is ever forwarded under this name. */
const VERIFIED_SETTING = "app.verified_identity";
const REMEMBERED = 20_000;
/** Milliseconds. What is remembered is right by construction (see below); this bounds how long it is of no use. */
const REMEMBERED_FOR = 10 * 60 * 1000;

/**
 * Asks the database once whom a subject stands for, and again when the issuer says something new of them; in between it
 * costs nothing. An answer that has become wrong lets nobody in: each statement looks the identity up for itself. The
 * same for a session that turns up at another client, which is put on record.
 */
export function makeRecognizePerson(pool: Pool): RecognizePerson {
  const users = new LRUCache<string, Promise<string | null>>({ max: REMEMBERED, ttl: REMEMBERED_FOR });
  const clients = new LRUCache<string, Promise<void>>({ max: REMEMBERED, ttl: REMEMBERED_FOR });
  const keysByUser = new LRUCache<string, Set<string>>({ max: REMEMBERED });

  const recognizeOutside = async (
    { facts, ...common }: OutsideClaims,
    requestId: string,
  ): Promise<Claims> => {
    const key = keyOf(facts);
    const userId = await remember(users, key, () => resolveIdentity(pool, facts, requestId));
    if (userId === null) {
      // Whoever is let in by the operator in a moment need not wait for it to be forgotten.
      users.delete(key);
      throw new AppError("FORBIDDEN", "Nobody is known here under this identity.");
    }
    keysByUser.set(userId, (keysByUser.get(userId) ?? new Set()).add(key));
    return { userId, sessionId: null, identity: { issuer: facts.issuer, subject: facts.subject }, ...common };
  };
  const recognize = async (claims: TokenClaims, { requestId, client }: RequestOrigin): Promise<Claims> => {
    if ("facts" in claims) {
      return recognizeOutside(claims, requestId);
    }
    if (client !== null) {
      await remember(clients, `${claims.sessionId} ${client.hash}`, () =>
        noteClient(pool, claims, client, requestId),
      );
    }
    return claims;
  };
  const forget = (userId: string) => {
    for (const key of keysByUser.get(userId) ?? []) {
      users.delete(key);
    }
    keysByUser.delete(userId);
  };
  return Object.assign(recognize, { forget });
}

/** Everything but when it was said: an issuer repeats itself with each token. */
function keyOf({ at: _at, ...facts }: IdentityFacts): string {
  return JSON.stringify(facts);
}

/** What a key stands for, looked up by one caller at a time; a failure is not remembered. */
function remember<T>(cache: LRUCache<string, Promise<T>>, key: string, look: () => Promise<T>): Promise<T> {
  const known = cache.get(key);
  if (known) {
    return known;
  }
  const looked = look().catch((cause: unknown) => {
    const { code, message } = classifyError(cause, false);
    throw new AppError(code, message, { cause });
  });
  cache.set(key, looked);
  looked.catch(() => cache.delete(key));
  return looked;
}

async function resolveIdentity(pool: Pool, facts: IdentityFacts, requestId: string): Promise<string | null> {
  const settings = { ...pgSettings(null, NO_SCOPE, requestId), [VERIFIED_SETTING]: JSON.stringify(facts) };
  return withPgSettings(pool, settings, async (client) => {
    const { rows } = await client.query<{ id: string | null }>("select app_hidden.resolve_identity() as id");
    return rows[0]?.id ?? null;
  });
}

async function noteClient(pool: Pool, claims: Claims, { hash }: Client, requestId: string): Promise<void> {
  await withPgSettings(pool, pgSettings(claims, NO_SCOPE, requestId), (client) =>
    client.query("select app_hidden.note_session_client($1)", [hash]),
  );
}
