import { readFileSync } from "node:fs";

import { type OutsideIssuer, parseOutsideIssuers, soleIssuer } from "./outsideIssuers.ts";

export interface AuthConfig {
  /** HS256 secret of this gateway's own tokens; null when there are none, or (development) it comes from `dataDir`. */
  jwtSecret: string | null;
  /** `iss` and `aud` of this gateway's own tokens. */
  issuer: string;
  audience: string;
  /** Everybody else whose tokens are accepted. */
  outside: readonly OutsideIssuer[];
}

/** Readers of single variables, as src/config.ts has them. */
interface Reader {
  /** What is wrong, for one error that says it all. */
  problems: string[];
  text(name: string): string | null;
  url(name: string, protocols: readonly string[]): string | null;
  secret(name: string): string | null;
}

const LOOPBACK = ["127.0.0.1", "[::1]", "localhost"];

/** Reads who may come in: JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE, JWT_ISSUERS or its file, and JWKS_URI. */
export function parseAuth(read: Reader, isProduction: boolean): AuthConfig {
  const issuer = read.text("JWT_ISSUER") ?? "bailiwick";
  const audience = read.text("JWT_AUDIENCE") ?? "bailiwick";
  const jwtSecret = read.secret("JWT_SECRET");
  const jwksUri = read.url("JWKS_URI", ["http:", "https:"]);
  const json = readTextOrFile(read, "JWT_ISSUERS");
  const outside = json === null ? [] : parseOutsideIssuers(json, (problem) => read.problems.push(problem));
  if (jwksUri !== null) {
    outside.push(soleIssuer(jwksUri, issuer, audience));
    if (read.text("JWT_ISSUER") === null) {
      read.problems.push(
        "JWT_ISSUER is required with JWKS_URI: tokens of another issuer would be accepted otherwise",
      );
    }
  }
  if (jwksUri !== null && jwtSecret !== null) {
    read.problems.push(
      "JWKS_URI and JWT_SECRET are two issuers: describe the outside one in JWT_ISSUERS instead",
    );
  } else if (jwtSecret !== null && outside.some((each) => each.issuer === issuer)) {
    read.problems.push(
      `JWT_ISSUERS names '${issuer}', which is this gateway's own: set JWT_ISSUER to another`,
    );
  }
  if (isProduction && jwtSecret === null && outside.length === 0) {
    read.problems.push("JWT_SECRET, JWT_ISSUERS or JWKS_URI is required in production; none is set");
  }
  if (isProduction && outside.some(isTakenFromOpenNetwork)) {
    read.problems.push(
      "Keys of token issuers must be fetched by https:// in production: whoever is in between signs in",
    );
  }
  return { jwtSecret, issuer, audience, outside };
}

function isTakenFromOpenNetwork({ keys }: OutsideIssuer): boolean {
  const url = "jwksUri" in keys ? URL.parse(keys.jwksUri) : null;
  return url?.protocol === "http:" && !LOOPBACK.includes(url.hostname);
}

/** The variable, or the text of the file that the variable of that name and `_FILE` leads to. */
function readTextOrFile(read: Reader, name: string): string | null {
  const file = read.text(`${name}_FILE`);
  try {
    return read.text(name) ?? (file && readFileSync(file, "utf8"));
  } catch (error) {
    read.problems.push(`${name}_FILE cannot be read (${(error as NodeJS.ErrnoException).code})`);
    return null;
  }
}
