import { createHmac } from "node:crypto";

import type { Actor } from "../support/database.ts";
import type { TestIssuer } from "../support/issuer.ts";

/** What a token gets, and how it is made when it is sent: times are of then. */
export type HostileToken = [what: string, make: () => string, statuses: number[]];

export interface TokenMaterial {
  /** The gateway's own, of HS256. */
  secret: () => string;
  person: () => Actor;
  /** Another issuer that the gateway trusts. */
  provider: TestIssuer;
}

/** Seconds since 1970. */
export const now = () => Math.floor(Date.now() / 1000);

const encode = (part: unknown) =>
  Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");

/** Makes good tokens of a person, and the whole list of bad ones. */
export function makeTokens({ secret, person, provider }: TokenMaterial) {
  /** A token with a signature of HS256 that is right, whatever it says. */
  function forge(header: unknown, payload: unknown, key = secret()): string {
    const signed = `${encode(header)}.${encode(payload)}`;
    return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
  }

  /** The claims of a good token of the person, changed. */
  const claims = (changes: object = {}, { userId, sessionId } = person()) => ({
    iss: "bailiwick",
    aud: "bailiwick",
    sub: userId,
    sid: sessionId,
    iat: now(),
    exp: now() + 900,
    ...changes,
  });
  const HEADER = { alg: "HS256", typ: "JWT" };
  const sign = (changes: object = {}, header: object = {}) =>
    forge({ ...HEADER, ...header }, claims(changes));
  const without = (name: string) =>
    forge(HEADER, Object.fromEntries(Object.entries(claims()).filter(([key]) => key !== name)));
  /** With a number that JSON.stringify would not write. */
  const withExpiry = (text: string) =>
    forge(HEADER, JSON.stringify(claims({ exp: 0 })).replace('"exp":0', `"exp":${text}`));
  const parts = () => sign().split(".") as [string, string, string];

  /** HS256 with what the other issuer has published. */
  function confuse(): string {
    const pem = String(provider.publicKey.export({ format: "pem", type: "spki" }));
    return forge({ ...HEADER, kid: "key-1" }, claims({ iss: provider.issuer }), pem);
  }

  /** Each line of the list of hostile tokens, and what it gets. */
  const refused: HostileToken[] = [
    ["alg none", () => `${encode({ alg: "none" })}.${encode(claims())}.`, [401]],
    ["alg none with a signature", () => sign({}, { alg: "none" }), [401]],
    ["alg nOnE", () => sign({}, { alg: "nOnE" }), [401]],
    ["a kid that is a path", () => sign({}, { kid: "../../dev/null" }), [401]],
    ["a kid that is SQL", () => sign({}, { kid: "x' or '1'='1" }), [401]],
    ["an embedded jwk", () => sign({}, { jwk: { kty: "oct", k: encode("x") } }), [401]],
    ["a jku", () => sign({}, { jku: "http://127.0.0.1:1/jwks.json" }), [401]],
    ["an x5u", () => sign({}, { x5u: "http://127.0.0.1:1/cert.pem" }), [401]],
    ["an unknown crit", () => sign({}, { crit: ["exp"] }), [401]],
    ["role postgres", () => sign({ role: "postgres" }), [401, 403]],
    ["role app_authenticator", () => sign({ role: "app_authenticator" }), [403]],
    ["role authenticator", () => sign({ role: "authenticator" }), [403]],
    ["role none", () => sign({ role: "none" }), [403]],
    ["an empty role", () => sign({ role: "" }), [401]],
    ["role null", () => sign({ role: null }), [401]],
    ["several roles", () => sign({ role: ["app_user"] }), [401]],
    ["a role that is an object", () => sign({ role: { name: "app_user" } }), [401]],
    ["an org_id that is SQL", () => sign({ org_id: "x'; drop table" }), [401]],
    ["an exp of 31 seconds ago", () => sign({ exp: now() - 31 }), [401]],
    ["an exp that is a text", () => sign({ exp: "9999999999" }), [401]],
    ["an exp of 1e400", () => withExpiry("1e400"), [401]],
    ["an exp of 1e18", () => withExpiry("1e18"), [401]],
    ["a negative exp", () => sign({ exp: -1 }), [401]],
    ["no exp", () => without("exp"), [401]],
    ["an nbf ahead", () => sign({ nbf: now() + 60 }), [401]],
    ["another aud", () => sign({ aud: "elsewhere" }), [401]],
    ["no aud", () => without("aud"), [401]],
    ["another iss", () => sign({ iss: "elsewhere" }), [401]],
    ["the iss of the other issuer", () => sign({ iss: provider.issuer }, { kid: "key-1" }), [401]],
    ["several iss", () => sign({ iss: ["bailiwick"] }), [401]],
    ["no iss", () => without("iss"), [401]],
    ["another typ", () => sign({}, { typ: "refresh+jwt" }), [401]],
    ["no sub", () => without("sub"), [401]],
    ["no sid", () => without("sid"), [401]],
    ["a sub that is no uuid", () => sign({ sub: "alice" }), [401]],
    ["another secret", () => forge(HEADER, claims(), "another-secret-of-32-characters!!"), [401]],
    ["no signature", () => parts().slice(0, 2).join("."), [401]],
    ["an empty signature", () => `${parts().slice(0, 2).join(".")}.`, [401]],
    ["a shortened signature", () => sign().slice(0, -2), [401]],
    ["padding", () => `${sign()}=`, [401]],
    [
      "the alphabet of plain base64",
      () => forge({ ...HEADER, typ: "JWT", x: "???>>>" }, claims()).replace(/[-_]/, "+"),
      [401],
    ],
    [
      "stray bits at its end",
      () => sign().replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1)),
      [401],
    ],
    ["a public key as the secret", () => confuse(), [401]],
    ["more than 8 kB", () => sign({ padding: "x".repeat(8000) }), [401]],
    ["nothing", () => "", [401]],
    ["what is no token", () => "secret", [401]],
  ];
  return { sign, refused };
}
