import { JwksClient } from "jwks-rsa";

import type { Config } from "../config.ts";
import { describeFailure } from "../describeFailure.ts";
import { finding, fine, type Observation } from "./examine.ts";

/** Milliseconds. */
const TIMEOUT = 5_000;

/** Whether tokens can be verified: the issuer's keys can be had, or there is a secret. */
export async function examineTokens({ auth, environment }: Config): Promise<Observation[]> {
  if (auth.jwksUri === null) {
    return [
      auth.jwtSecret === null
        ? fine("tokens", "Tokens are signed with a secret that is made in the data folder (development).")
        : fine("tokens", "Tokens are signed with JWT_SECRET."),
    ];
  }
  if (environment === "production" && auth.jwksUri.startsWith("http:")) {
    return [
      finding(
        "tokens",
        "JWKS_URI is not encrypted: whoever sits in between can forge every token. Use https.",
      ),
    ];
  }
  try {
    const keys = await new JwksClient({
      jwksUri: auth.jwksUri,
      cache: false,
      timeout: TIMEOUT,
    }).getSigningKeys();
    return [fine("tokens", `The issuer publishes ${keys.length} signing keys at JWKS_URI.`)];
  } catch (error) {
    return [
      finding(
        "tokens",
        `The issuer's keys cannot be had from JWKS_URI (${describeFailure(error)}): correct the address.`,
      ),
    ];
  }
}
