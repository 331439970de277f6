import { createHmac, randomBytes } from "node:crypto";

import { makeKeyedHash } from "../auth/keyedHash.ts";
import type { Config } from "../config.ts";

/** Turns an id or address into a word that is always the same for it, and cannot be turned back without the key. */
export type Pseudonym = (value: string) => string;

const LENGTH = 16;

/**
 * Pseudonyms for logs: HMAC-SHA256, because a plain hash of an address or id can be found by trying all of them. The key is
 * LOG_HASH_KEY, else derived from a secret that the processes of an installation share; without any, each process has its
 * own, and lines of two processes cannot be compared.
 */
export function makePseudonym(config: Pick<Config, "telemetry" | "database" | "auth">): Pseudonym {
  const secret =
    config.telemetry.hashKey ?? config.database.roleSecret ?? config.auth.jwtSecret ?? randomBytes(32);
  const key = createHmac("sha256", secret).update("bailiwick log pseudonyms").digest();
  const hash = makeKeyedHash(key);
  return (value) => hash(value).slice(0, LENGTH);
}
