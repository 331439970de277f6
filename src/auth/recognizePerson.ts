import { LRUCache } from "lru-cache";
import type { Pool } from "pg";

import { withPgSettings } from "../database/withTenant.ts";
import { AppError } from "../errors/AppError.ts";
import type { Claims, OutsideClaims, TokenClaims } from "./claims.ts";
import type { IdentityFacts } from "./identityFacts.ts";
import { pgSettings } from "./pgSettings.ts";
import { remember } from "./remember.ts";
import { NO_SCOPE } from "./requestScope.ts";

export interface RecognizePerson {
  /** Finds the user that a verified token stands for. Throws FORBIDDEN where its subject is nobody here. */
  (claims: TokenClaims, requestId: string): Promise<Claims>;
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
 * costs nothing. An answer that has become wrong lets nobody in: each statement looks the identity up for itself.
 */
export function makeRecognizePerson(pool: Pool): RecognizePerson {
  const users = new LRUCache<string, Promise<string | null>>({ max: REMEMBERED, ttl: REMEMBERED_FOR });
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
  const recognize = async (claims: TokenClaims, requestId: string): Promise<Claims> =>
    "facts" in claims ? recognizeOutside(claims, requestId) : claims;
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

async function resolveIdentity(pool: Pool, facts: IdentityFacts, requestId: string): Promise<string | null> {
  const settings = { ...pgSettings(null, NO_SCOPE, requestId), [VERIFIED_SETTING]: JSON.stringify(facts) };
  return withPgSettings(pool, settings, async (client) => {
    const { rows } = await client.query<{ id: string | null }>("select app_hidden.resolve_identity() as id");
    return rows[0]?.id ?? null;
  });
}
