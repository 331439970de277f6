import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll } from "@jest/globals";
import jwt from "jsonwebtoken";

import type { OutsideIssuer } from "../../src/auth/outsideIssuers.ts";

export interface TestIssuer {
  readonly issuer: string;
  readonly publicKey: KeyObject;
  /** As the gateway is told of it. */
  config(changes?: Partial<OutsideIssuer>): OutsideIssuer;
  /** A token of fifteen minutes with these claims beside `iss`, `aud` and the times. */
  sign(claims: Record<string, unknown>, options?: { secondsAgo?: number; keyId?: string }): string;
}

const KEY_ID = "key-1";
const LIFETIME = 15 * 60;

/** An identity provider of its own: it publishes a key and signs tokens with it, RS256. */
export function useIssuer(kind: OutsideIssuer["kind"], issuer = `https://${kind}.example`): TestIssuer {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: KEY_ID, use: "sig", alg: "RS256" };
  const server = createServer((_request, response) => {
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ keys: [jwk] }));
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  afterAll(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return {
    issuer,
    publicKey,
    config: (changes) => ({
      kind,
      issuer,
      audience: ["bailiwick"],
      authorizedParties: null,
      keys: { jwksUri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json` },
      algorithms: ["RS256"],
      createsUsers: true,
      emailsAreVerified: false,
      linksVerifiedEmails: false,
      ...changes,
    }),
    sign(claims, { secondsAgo = 0, keyId = KEY_ID } = {}) {
      const iat = Math.floor(Date.now() / 1000) - secondsAgo;
      const payload = { iss: issuer, aud: "bailiwick", iat, exp: iat + LIFETIME, ...claims };
      return jwt.sign(payload, privateKey, { algorithm: "RS256", keyid: keyId });
    },
  };
}
