import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { parseOutsideIssuers } from "../../src/auth/outsideIssuers.ts";
import { parseConfig } from "../../src/config.ts";

function parse(value: unknown) {
  const problems: string[] = [];
  const json = typeof value === "string" ? value : JSON.stringify(value);
  return { issuers: parseOutsideIssuers(json, (problem) => problems.push(problem)), problems };
}

const OIDC = { issuer: "https://a.example", audience: "bailiwick", jwksUri: "https://a.example/jwks" };
const SECRET = "a secret that nobody must read in a message";

describe("JWT_ISSUERS", () => {
  it("is read with the careful answer to everything that is not said", () => {
    expect(parse([OIDC])).toEqual({
      problems: [],
      issuers: [
        {
          kind: "oidc",
          issuer: "https://a.example",
          audience: ["bailiwick"],
          authorizedParties: null,
          keys: { jwksUri: "https://a.example/jwks" },
          algorithms: ["RS256", "ES256"],
          createsUsers: false,
          emailsAreVerified: false,
          linksVerifiedEmails: false,
        },
      ],
    });
  });

  it("is read as docs/authentication.md shows it for each provider", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/authentication.md"), "utf8");
    const examples = [...page.matchAll(/```json\n([^`]+)```/g)].map(([, json]) => parse(json));
    expect(examples.map(({ problems }) => problems)).toEqual([[], [], []]);
    expect(examples.map(({ issuers }) => issuers[0]?.kind)).toEqual(["clerk", "supabase", "oidc"]);
    expect(examples[0]?.issuers[0]?.keys).toEqual({
      jwksUri: "https://clerk.example.com/.well-known/jwks.json",
    });
    expect(examples[1]?.issuers[0]?.audience).toEqual(["authenticated"]);
  });

  it("binds a secret to HS256, and keys to the others", () => {
    const { jwksUri: _, ...rest } = OIDC;
    const symmetric = { ...rest, secret: SECRET };
    expect(parse([symmetric]).issuers[0]).toMatchObject({ keys: { secret: SECRET }, algorithms: ["HS256"] });
    expect(parse([{ ...symmetric, algorithms: ["RS256"] }]).issuers).toEqual([]);
    expect(parse([{ ...OIDC, algorithms: ["HS256"] }]).issuers).toEqual([]);
    expect(parse([{ ...OIDC, algorithms: "ES256" }]).issuers[0]?.algorithms).toEqual(["ES256"]);
  });

  it.each<[string, unknown, RegExp]>([
    ["what is no JSON", "[{", /must be JSON/],
    ["what is no list", OIDC, /must be a list/],
    ["a text in the list", ["x"], /JWT_ISSUERS\[0\] must be an object/],
    ["an unknown member", [{ ...OIDC, createUsers: true }], /has 'createUsers', which means nothing/],
    ["an unknown kind", [{ ...OIDC, kind: "auth0" }], /needs a kind/],
    ["no issuer", [{ ...OIDC, issuer: undefined }], /needs an issuer/],
    [
      "neither audience nor parties",
      [{ ...OIDC, audience: undefined }],
      /needs an audience or authorizedParties/,
    ],
    ["an empty list", [{ ...OIDC, audience: [] }], /needs 'audience'/],
    ["no keys", [{ ...OIDC, jwksUri: undefined }], /needs a jwksUri/],
    ["keys in a file", [{ ...OIDC, jwksUri: "file:///etc/passwd" }], /needs a jwksUri/],
    ["a short secret", [{ ...OIDC, secret: "short-secret" }], /at least 32 characters/],
    ["a flag that is a text", [{ ...OIDC, createsUsers: "yes" }], /needs 'createsUsers' to be true or false/],
    ["the same issuer twice", [OIDC, OIDC], /twice/],
  ])("is refused with %s, in a sentence without secrets", (_what, value, problem) => {
    const { problems } = parse(value);
    expect(problems.join("\n")).toMatch(problem);
    expect(problems.join("\n")).not.toContain("short-secret");
  });
});

describe("the configuration of who may come in", () => {
  const base = { NODE_ENV: "production", DATABASE_URL: "postgres://x@y/z", ROLE_SECRET: "x".repeat(32) };
  const secret = { JWT_SECRET: "x".repeat(32) };

  it("has the gateway and others side by side", () => {
    const { auth } = parseConfig({ ...base, ...secret, JWT_ISSUERS: JSON.stringify([OIDC]) });
    expect([auth.issuer, ...auth.outside.map(({ issuer }) => issuer)]).toEqual([
      "bailiwick",
      "https://a.example",
    ]);
  });

  it("has one outside issuer in the short form, which makes users", () => {
    const keys = { JWKS_URI: OIDC.jwksUri, JWT_ISSUER: OIDC.issuer };
    expect(parseConfig({ ...base, ...keys }).auth.outside).toMatchObject([
      { issuer: OIDC.issuer, audience: ["bailiwick"], createsUsers: true, linksVerifiedEmails: false },
    ]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["nobody at all", {}, /JWT_SECRET, JWT_ISSUERS or JWKS_URI is required/],
    ["keys of nobody in particular", { JWKS_URI: OIDC.jwksUri }, /JWT_ISSUER is required/],
    ["a secret and keys", { ...secret, JWKS_URI: OIDC.jwksUri, JWT_ISSUER: "x" }, /are two issuers/],
    [
      "an outside issuer of the gateway's name",
      { ...secret, JWT_ISSUERS: JSON.stringify([{ ...OIDC, issuer: "bailiwick" }]) },
      /this gateway's own/,
    ],
    [
      "keys from an open network",
      { ...secret, JWT_ISSUERS: JSON.stringify([{ ...OIDC, jwksUri: "http://a.example/jwks" }]) },
      /must be fetched by https/,
    ],
    ["a file that is not there", { ...secret, JWT_ISSUERS_FILE: "/nowhere" }, /cannot be read \(ENOENT\)/],
    [
      "Clerk's webhook without Clerk",
      { ...secret, CLERK_WEBHOOK_SECRET: "x" },
      /needs one issuer of kind clerk/,
    ],
  ])("is refused with %s", (_what, env, problem) => {
    expect(() => parseConfig({ ...base, ...env })).toThrow(problem);
  });
});
