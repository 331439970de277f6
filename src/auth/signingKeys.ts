import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";

import { JwksClient } from "jwks-rsa";

import type { AuthConfig } from "../config.ts";
import { AppError } from "../errors/AppError.ts";

/** A key together with the one algorithm it may be used with; a token cannot choose another. */
interface VerificationKey {
  algorithm: "HS256" | "RS256" | "ES256";
  key: KeyObject;
  /** Whether tokens of this key are made by this gateway, whose sessions can be revoked. */
  isLocal: boolean;
}

/** Finds the key for a token's `kid`; undefined when there is none. */
export type FindKey = (kid: string | undefined) => Promise<VerificationKey | undefined>;

const SECOND = 1000;
const MAXIMUM_AGE = 10 * 60 * SECOND;
/** An unknown `kid` asks the issuer again, at most this often: forged ones must not become a flood of requests. */
const MINIMUM_INTERVAL = 30 * SECOND;
const FETCH_TIMEOUT = 5 * SECOND;

/** The keys of the configured secret or JWKS address. Throws when neither or both are configured. */
export function makeFindKey(config: AuthConfig, now: () => number = Date.now): FindKey {
  if (config.jwksUri && config.jwtSecret) {
    throw new Error("Both JWT_SECRET and JWKS_URI are set; tokens must come from one issuer only.");
  }
  if (config.jwksUri) {
    return makeFindRemoteKey(config.jwksUri, now);
  }
  if (!config.jwtSecret) {
    throw new Error("Tokens cannot be verified: neither JWT_SECRET nor JWKS_URI is set.");
  }
  const local: VerificationKey = {
    algorithm: "HS256",
    key: createSecretKey(Buffer.from(config.jwtSecret, "utf8")),
    isLocal: true,
  };
  // Our own tokens never carry a `kid`, so one that does was made by somebody else.
  return async (kid) => (kid === undefined ? local : undefined);
}

function makeFindRemoteKey(jwksUri: string, now: () => number): FindKey {
  const client = new JwksClient({ jwksUri, cache: false, timeout: FETCH_TIMEOUT });
  let keys = new Map<string, VerificationKey>();
  let fetchedAt = -Infinity;
  let triedAt = -Infinity;
  let fetching: Promise<void> | null = null;

  async function fetchKeys(): Promise<void> {
    const fetched = new Map<string, VerificationKey>();
    for (const { kid, alg, getPublicKey } of await client.getSigningKeys()) {
      const key = createPublicKey(getPublicKey());
      const algorithm = algorithmOf(key);
      if (kid && algorithm && (!alg || alg === algorithm)) {
        fetched.set(kid, { algorithm, key, isLocal: false });
      }
    }
    keys = fetched;
    fetchedAt = now();
  }

  /** Asks the issuer unless it was asked a moment ago. While it is down, the keys known so far keep working. */
  async function refresh(): Promise<void> {
    if (!fetching && now() - triedAt >= MINIMUM_INTERVAL) {
      triedAt = now();
      fetching = fetchKeys().finally(() => (fetching = null));
    }
    try {
      await fetching;
    } catch (cause) {
      if (keys.size === 0) {
        throw new AppError("UNAVAILABLE", "The keys of the token issuer cannot be fetched.", { cause });
      }
    }
    if (keys.size === 0) {
      throw new AppError("UNAVAILABLE", "The keys of the token issuer are not known yet.");
    }
  }

  return async (kid) => {
    if (kid === undefined) {
      return undefined;
    }
    const known = keys.get(kid);
    if (!known) {
      await refresh();
      return keys.get(kid);
    }
    if (now() - fetchedAt > MAXIMUM_AGE) {
      // Nobody waits for it: with keys at hand a failure is not an error, see above.
      void refresh();
    }
    return known;
  };
}

function algorithmOf(key: KeyObject): "RS256" | "ES256" | undefined {
  if (key.asymmetricKeyType === "rsa") {
    return "RS256";
  }
  const isP256 = key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  return isP256 ? "ES256" : undefined;
}
