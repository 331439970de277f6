import { JwksClient } from "jwks-rsa";

import type { OutsideIssuer } from "../auth/outsideIssuers.ts";
import type { Config } from "../config.ts";
import { describeFailure } from "../describeFailure.ts";
import { finding, fine, type Observation } from "./examine.ts";

/** Milliseconds. */
const TIMEOUT = 5_000;

/** Whether tokens can be verified: every outside issuer's keys can be had, and there is a secret for our own. */
export async function examineTokens({ auth, environment }: Config): Promise<Observation[]> {
  const own =
    auth.jwtSecret !== null
      ? [fine("tokens", "The gateway's own tokens are signed with JWT_SECRET.")]
      : environment !== "production" && auth.outside.length === 0
        ? [fine("tokens", "Tokens are signed with a secret that is made in the data folder (development).")]
        : [];
  return [...own, ...(await Promise.all(auth.outside.map(examineIssuer)))];
}

async function examineIssuer({ issuer, keys }: OutsideIssuer): Promise<Observation> {
  if (!("jwksUri" in keys)) {
    return fine("tokens", `Tokens of ${issuer} are verified with a shared secret.`);
  }
  try {
    const client = new JwksClient({ jwksUri: keys.jwksUri, cache: false, timeout: TIMEOUT });
    return fine("tokens", `${issuer} publishes ${(await client.getSigningKeys()).length} signing keys.`);
  } catch (error) {
    return finding(
      "tokens",
      `The keys of ${issuer} cannot be had (${describeFailure(error)}): correct the address in JWT_ISSUERS or JWKS_URI.`,
    );
  }
}
