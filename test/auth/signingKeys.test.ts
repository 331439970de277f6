import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import jwt from "jsonwebtoken";
import { pino } from "pino";

import { soleIssuer } from "../../src/auth/outsideIssuers.ts";
import { makeTrustedIssuers } from "../../src/auth/signingKeys.ts";
import { makeVerifyToken, type VerifyToken } from "../../src/auth/verifyToken.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const nextRsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const sub = randomUUID();

const log: string[] = [];
const logger = pino({}, { write: (line) => void log.push(line) });
let server: Server;
let jwksUri: string;
/** What the issuer serves; null answers 500. */
let keys: object[] | null;
let fetches: number;
let now: number;
let verify: VerifyToken;

function publish(kid: string, { publicKey }: { publicKey: KeyObject }, extra: object = {}): object {
  return { ...publicKey.export({ format: "jwk" }), kid, use: "sig", ...extra };
}

function sign(kid: string, key: KeyObject, algorithm: jwt.Algorithm, payload: object = {}): string {
  const seconds = Math.floor(now / 1000);
  const claims = {
    iss: "https://issuer.example",
    aud: "bailiwick",
    sub,
    iat: seconds,
    exp: seconds + 900,
    ...payload,
  };
  return jwt.sign(claims, key, { algorithm, keyid: kid });
}

beforeAll(async () => {
  server = createServer((_request, response) => {
    fetches += 1;
    response
      .writeHead(keys ? 200 : 500, { "Content-Type": "application/json" })
      .end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

beforeEach(() => {
  keys = [publish("rsa", rsa), publish("ec", ec)];
  fetches = 0;
  now = 1_800_000_000_000;
  log.length = 0;
  verify = makeVerifyToken(config(), { now: () => now, logger });
});

function config() {
  const issuer = "https://issuer.example";
  const outside = [soleIssuer(jwksUri, issuer, "bailiwick")];
  return { jwtSecret: null, issuer, audience: "bailiwick", outside };
}

const isDenied = (token: string) =>
  verify(token).then(
    () => false,
    (error: { code?: unknown }) => error.code === "UNAUTHENTICATED",
  );

describe("keys of an outside issuer", () => {
  it("verify RS256 and ES256, fetched once", async () => {
    await expect(verify(sign("rsa", rsa.privateKey, "RS256"))).resolves.toMatchObject({
      facts: { subject: sub },
    });
    await expect(verify(sign("ec", ec.privateKey, "ES256"))).resolves.toMatchObject({
      facts: { subject: sub },
    });
    expect(fetches).toBe(1);
  });

  it("bring no session: theirs are not ours", async () => {
    const token = sign("rsa", rsa.privateKey, "RS256", { sid: randomUUID() });
    await expect(verify(token)).resolves.not.toHaveProperty("sessionId");
  });

  it("deny an algorithm that is not the key's", async () => {
    await expect(verify(sign("rsa", rsa.privateKey, "RS384"))).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    await expect(verify(sign("rsa", rsa.privateKey, "PS256"))).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
  });

  it("deny HS256 with the public key as the secret", async () => {
    const seconds = now / 1000;
    const payload = { iss: "https://issuer.example", aud: "bailiwick", sub, exp: seconds + 900 };
    const pem = rsa.publicKey.export({ format: "pem", type: "spki" });
    const { createHmac } = await import("node:crypto");
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const signed = `${encode({ alg: "HS256", kid: "rsa" })}.${encode(payload)}`;
    const token = `${signed}.${createHmac("sha256", pem).update(signed).digest("base64url")}`;
    await expect(verify(token)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("deny a key published for another algorithm or for encryption", async () => {
    keys = [
      publish("rsa", rsa, { alg: "RS512" }),
      publish("ec", ec, { use: "enc" }),
      publish("other", nextRsa),
    ];
    await expect(verify(sign("rsa", rsa.privateKey, "RS256"))).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    await expect(verify(sign("ec", ec.privateKey, "ES256"))).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
  });

  it("follow a rotation as soon as a new key id appears", async () => {
    await verify(sign("rsa", rsa.privateKey, "RS256"));
    keys = [publish("next", nextRsa)];
    now += 31_000;
    await expect(verify(sign("next", nextRsa.privateKey, "RS256"))).resolves.toMatchObject({
      facts: { subject: sub },
    });
  });

  it("deny what a key signed that has another one in its place, or none, however often it was accepted", async () => {
    const token = sign("rsa", rsa.privateKey, "RS256", { exp: now / 1000 + 3600 });
    for (const published of [[publish("rsa", nextRsa)], []]) {
      keys = [publish("rsa", rsa), publish("ec", ec)];
      now += 31_000;
      verify = makeVerifyToken(config(), { now: () => now });
      await verify(token);
      await verify(token);
      keys = [...published, publish("ec", ec)];
      now += 601_000;
      // The refresh starts now, and nobody waits for it.
      while (!(await isDenied(token))) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  });

  it("are asked for once in 30 seconds, however many unknown key ids come", async () => {
    await verify(sign("rsa", rsa.privateKey, "RS256"));
    for (let index = 0; index < 20; index += 1) {
      await expect(verify(sign(`unknown${index}`, rsa.privateKey, "RS256"))).rejects.toMatchObject({
        code: "UNAUTHENTICATED",
      });
    }
    expect(fetches).toBe(1);
  });

  it("keep working while the issuer is down", async () => {
    await verify(sign("rsa", rsa.privateKey, "RS256"));
    keys = null;
    now += 60 * 60 * 1000;
    await expect(verify(sign("rsa", rsa.privateKey, "RS256"))).resolves.toMatchObject({
      facts: { subject: sub },
    });
  });

  it("keep working when the issuer answers with none that can be used, and the log has it", async () => {
    await verify(sign("rsa", rsa.privateKey, "RS256"));
    keys = [publish("rsa", rsa, { alg: "RS512" })];
    now += 601_000;
    // Starts the refresh, for which nobody waits.
    await verify(sign("rsa", rsa.privateKey, "RS256"));
    while (log.length === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(log).toEqual([expect.stringContaining("https://issuer.example")]);
    now += 31_000;
    await expect(verify(sign("rsa", rsa.privateKey, "RS256"))).resolves.toMatchObject({
      facts: { subject: sub },
    });
    await expect(verify(sign("unknown", rsa.privateKey, "RS256"))).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
  });

  it("that could never be fetched make the gateway unavailable, not the token wrong", async () => {
    keys = null;
    await expect(verify(sign("rsa", rsa.privateKey, "RS256"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("the configuration of keys", () => {
  it("names somebody", () => {
    const config = { jwtSecret: null, issuer: "bailiwick", audience: "bailiwick", outside: [] };
    expect(() => makeTrustedIssuers(config)).toThrow(/none of JWT_SECRET, JWKS_URI and JWT_ISSUERS/);
  });
});
