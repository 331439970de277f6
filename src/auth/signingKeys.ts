import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";

import { JwksClient } from "jwks-rsa";
import type { Logger } from "pino";

import type { AuthConfig } from "../config.ts";
import { AppError } from "../errors/AppError.ts";
import type { Algorithm, OutsideIssuer } from "./outsideIssuers.ts";

/** A key together with the one algorithm it may be used with; a token cannot choose another. */
export interface VerificationKey {
  algorithm: Algorithm;
  key: KeyObject;
}

/** Somebody whose tokens are accepted. */
export interface TrustedIssuer {
  /** Null for this gateway itself, whose sessions can be revoked. */
  outside: OutsideIssuer | null;
  /** One of them must be in `aud`; null accepts any. */
  audience: readonly string[] | null;
  findKey: FindKey;
}

/** Finds the key for a token's `kid`; undefined when there is none. */
export type FindKey = (kid: string | undefined) => Promise<VerificationKey | undefined>;

const SECOND = 1000;
const MAXIMUM_AGE = 10 * 60 * SECOND;
/** An unknown `kid` asks the issuer again, at most this often: forged ones must not become a flood of requests. */
const MINIMUM_INTERVAL = 30 * SECOND;
const FETCH_TIMEOUT = 5 * SECOND;

/** What verifying asks for besides the configuration. */
export interface VerificationParts {
  /** Milliseconds; for tests. */
  now?: () => number;
  /** Told when the keys of an issuer cannot be had. */
  logger?: Logger;
}

/** Everybody whose tokens are accepted, by the `iss` of their tokens. Throws when there is nobody. */
export function makeTrustedIssuers(
  config: AuthConfig,
  parts: VerificationParts = {},
): ReadonlyMap<string, TrustedIssuer> {
  const issuers = new Map<string, TrustedIssuer>();
  for (const outside of config.outside) {
    const { issuer, audience, keys } = outside;
    const findKey =
      "secret" in keys ? makeFindSecret(keys.secret) : makeFindRemoteKey(outside, keys.jwksUri, parts);
    issuers.set(issuer, { outside, audience, findKey });
  }
  if (config.jwtSecret) {
    const findSecret = makeFindSecret(config.jwtSecret);
    issuers.set(config.issuer, {
      outside: null,
      audience: [config.audience],
      // Our own tokens never carry a `kid`, so one that does was made by somebody else.
      findKey: async (kid) => (kid === undefined ? findSecret(kid) : undefined),
    });
  }
  if (issuers.size === 0) {
    throw new Error("Tokens cannot be verified: none of JWT_SECRET, JWKS_URI and JWT_ISSUERS is set.");
  }
  return issuers;
}

function makeFindSecret(secret: string): FindKey {
  const key: VerificationKey = { algorithm: "HS256", key: createSecretKey(Buffer.from(secret, "utf8")) };
  return async () => key;
}

function makeFindRemoteKey(
  { issuer }: OutsideIssuer,
  jwksUri: string,
  { now = Date.now, logger }: VerificationParts,
): FindKey {
  const client = new JwksClient({ jwksUri, cache: false, timeout: FETCH_TIMEOUT });
  let keys = new Map<string, VerificationKey>();
  let fetchedAt = -Infinity;
  let triedAt = -Infinity;
  let fetching: Promise<void> | null = null;

  async function fetchKeys(): Promise<void> {
    keys = await readKeys(client);
    fetchedAt = now();
  }

  /**
   * Asks the issuer unless it was asked a moment ago. While it is down, or answers with nothing of use, the keys known so
   * far keep working.
   */
  async function refresh(): Promise<void> {
    if (!fetching && now() - triedAt >= MINIMUM_INTERVAL) {
      triedAt = now();
      fetching = fetchKeys()
        .catch((error: unknown) => {
          logger?.warn(
            { err: error, issuer },
            "The keys of a token issuer cannot be fetched; those known stay",
          );
          throw error;
        })
        .finally(() => (fetching = null));
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
      // Nobody waits for it: with keys at hand a failure is not an error, and the log has it.
      refresh().catch(() => undefined);
    }
    return known;
  };
}

/** Throws where there is none that can be used. */
async function readKeys(client: JwksClient): Promise<Map<string, VerificationKey>> {
  const keys = new Map<string, VerificationKey>();
  for (const { kid, alg, getPublicKey } of await client.getSigningKeys()) {
    const key = createPublicKey(getPublicKey());
    const algorithm = algorithmOf(key);
    if (kid && algorithm && (!alg || alg === algorithm)) {
      keys.set(kid, { algorithm, key });
    }
  }
  if (keys.size === 0) {
    throw new Error("The issuer has answered with keys of which none can be used");
  }
  return keys;
}

function algorithmOf(key: KeyObject): "RS256" | "ES256" | undefined {
  if (key.asymmetricKeyType === "rsa") {
    return "RS256";
  }
  const isP256 = key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  return isP256 ? "ES256" : undefined;
}
