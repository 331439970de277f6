import { createHmac, randomUUID } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import jwt from "jsonwebtoken";

import { signToken } from "../../src/auth/signToken.ts";
import { makeVerifyToken } from "../../src/auth/verifyToken.ts";

const SECRET = "a-secret-of-more-than-32-characters!";
const config = { jwtSecret: SECRET, outside: [], issuer: "bailiwick", audience: "bailiwick" };
const userId = randomUUID();
const sessionId = randomUUID();
const NOW = 1_800_000_000;
const claims = { iss: "bailiwick", aud: "bailiwick", sub: userId, sid: sessionId, iat: NOW, exp: NOW + 900 };
const verify = makeVerifyToken(config, { now: () => NOW * 1000 });

const encode = (part: unknown) =>
  Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");

/** A token of any header and payload with a signature that is right for HS256. */
function forge(header: unknown, payload: unknown, secret = SECRET): string {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

const sign = (changes: object = {}) => forge({ alg: "HS256", typ: "JWT" }, { ...claims, ...changes });
const without = (name: string) =>
  forge({ alg: "HS256" }, Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name)));

async function denies(token: string): Promise<void> {
  await expect(verify(token)).rejects.toMatchObject({ name: "AppError", code: "UNAUTHENTICATED" });
}

describe("verifyToken", () => {
  it("accepts what signToken signs", async () => {
    const token = signToken(config, { userId, sessionId });
    await expect(makeVerifyToken(config)(token)).resolves.toMatchObject({ userId, sessionId });
  });

  it("reads the active organization and clinic", async () => {
    const [organizationId, clinicId] = [randomUUID(), randomUUID()];
    const token = sign({ org_id: organizationId, clinic_id: clinicId.toUpperCase() });
    await expect(verify(token)).resolves.toMatchObject({ organizationId, clinicId });
  });

  it("accepts one of several audiences", async () => {
    await expect(verify(sign({ aud: ["other", "bailiwick"] }))).resolves.toMatchObject({ userId });
  });

  it("accepts a token up to 30 seconds after it expired, and none later", async () => {
    await expect(verify(sign({ exp: NOW - 29 }))).resolves.toMatchObject({ userId });
    await denies(sign({ exp: NOW - 31 }));
  });

  it("accepts a token again, and denies it when its time is over or, by a clock set back, not yet come", async () => {
    let now = NOW;
    const check = makeVerifyToken(config, { now: () => now * 1000 });
    const token = sign({ nbf: NOW });
    await expect(check(token)).resolves.toMatchObject({ userId });
    await expect(check(token)).resolves.toMatchObject({ userId });
    now = NOW + 931;
    await expect(check(token)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    now = NOW - 31;
    await expect(check(token)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it.each(["none", "nOnE", "NONE", "HS384", "HS512", "RS256", "ES256", ""])("denies alg %p", async (alg) => {
    await denies(forge({ alg }, claims));
    await denies(`${encode({ alg })}.${encode(claims)}.`);
  });

  it.each([
    ["jwk", { jwk: { kty: "oct", k: encode(SECRET) } }],
    ["jku", { jku: "https://evil.example/keys" }],
    ["x5u", { x5u: "https://evil.example/cert" }],
    ["x5c", { x5c: ["MII="] }],
    ["crit", { crit: ["exp"] }],
    ["crit with an unknown name", { crit: ["bailiwick"], bailiwick: 1 }],
    ["b64", { b64: false }],
    ["zip", { zip: "DEF" }],
    ["a path as key id", { kid: "../../dev/null" }],
    ["a key id that is no text", { kid: { $ne: null } }],
    ["another type", { typ: "refresh+jwt" }],
  ])("denies a header with %s", async (_what, header) => {
    await denies(forge({ alg: "HS256", ...header }, claims));
  });

  it.each(["exp", "iss", "aud", "sub", "sid"])("denies a token without %s", async (name) => {
    await denies(without(name));
  });

  it.each([
    ["exp as a text", { exp: String(NOW + 900) }],
    ["a negative exp", { exp: -1 }],
    ["exp in fractions", { exp: NOW + 0.5 }],
    ["exp in a million years", { exp: 1e15 }],
    ["exp in two days", { exp: NOW + 2 * 86_400 }],
    ["nbf in the future", { nbf: NOW + 60 }],
    ["another issuer", { iss: "evil" }],
    ["another audience", { aud: "other" }],
    ["an empty audience", { aud: [] }],
    ["a sub that is no uuid", { sub: "user_2abc" }],
    ["a sub that is an object", { sub: { toString: "x" } }],
    ["a sid that is no uuid", { sid: "x" }],
    ["SQL as organization", { org_id: "x'; drop table app_public.users; --" }],
    ["an array as clinic", { clinic_id: [randomUUID()] }],
    ["an empty role", { role: "" }],
    ["null as role", { role: null }],
    ["a list as role", { role: ["app_user"] }],
  ])("denies %s", async (_what, changes) => {
    await denies(sign(changes));
  });

  it.each(["postgres", "app_authenticator", "none"])("forbids the role %s", async (role) => {
    await expect(verify(sign({ role }))).rejects.toMatchObject({ code: "FORBIDDEN" });
  });

  it("denies an exp beyond what a number can hold", async () => {
    const payload = JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e400');
    await denies(forge({ alg: "HS256" }, payload));
  });

  it("denies another signature, a shortened one, and another spelling of the right one", async () => {
    const token = sign();
    const [header, payload, signature] = token.split(".");
    await denies(forge({ alg: "HS256" }, claims, "another-secret-of-32-characters!!!!!"));
    await denies(`${header}.${payload}.`);
    await denies(`${header}.${payload}`);
    await denies(token.slice(0, -1));
    await denies(`${token}=`);
    await denies(`${token}.`);
    await denies(`${header}.${payload}.${signature} `);
    // The last character holds two bits that mean nothing; a lenient decoder reads all four spellings alike.
    const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const index = last.indexOf(signature?.at(-1) ?? "");
    await denies(token.slice(0, -1) + last[index ^ 1]);
  });

  it.each([
    ["nothing", ""],
    ["dots", ".."],
    ["five parts, as of an encrypted token", "a.b.c.d.e"],
    ["a header that is no JSON", forge("{", claims)],
    ["a payload that is a list", forge({ alg: "HS256" }, [claims])],
    ["a payload that is a text", forge({ alg: "HS256" }, '"x"')],
  ])("denies %s", async (_what, token) => {
    await denies(token);
  });

  it("denies a token of more than 8 kB", async () => {
    await denies(sign({ padding: "x".repeat(8192) }));
  });

  it("does not repeat the token in its refusal", async () => {
    const token = jwt.sign({ secret: "canary" }, "another-secret-of-32-characters!!!!!");
    const refusal = await verify(token).catch((error: Error) => error.message);
    expect(refusal).not.toContain(token.slice(0, 10));
  });
});
