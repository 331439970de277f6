import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import jwt from "jsonwebtoken";

import { type Bench, type Figure, withGateway } from "./bench.ts";
import { makeSender } from "./load.ts";

const QUERY = "{ __typename }";

/** Fault 20: clocks that do not agree. */
export async function clockSkew(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, {}, async (gateway) => {
    const { userId, sessionId } = bench.world.here.provider;
    const { jwtSecret, issuer, audience } = bench.config.auth;
    const statusOf = async (expiredFor: number) => {
      const exp = Math.floor(Date.now() / 1000) - expiredFor;
      const options = { algorithm: "HS256", issuer, audience, subject: userId } as const;
      const token = jwt.sign({ sid: sessionId, exp }, jwtSecret ?? "", options);
      const sender = makeSender(gateway.url, { authorization: `Bearer ${token}` });
      const { status } = await sender.send(QUERY);
      sender.close();
      return status;
    };
    const [ahead, near, far, distant] = [
      await statusOf(-600),
      await statusOf(20),
      await statusOf(35),
      await statusOf(300),
    ];
    return [
      {
        number: "20",
        fault: "The issuer's clock differs",
        promise: "accepted within 30 s, refused beyond",
        measured: `valid for 10 min: ${ahead}; expired for 20 s: ${near}; for 35 s: ${far}; for 5 min: ${distant}`,
        holds: ahead === 200 && near === 200 && far === 401 && distant === 401,
      },
    ];
  });
}

/** Fault 28: the issuer's keys cannot be fetched. */
export async function issuerDown(bench: Bench): Promise<Figure[]> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const key = { ...publicKey.export({ format: "jwk" }), kid: "known", alg: "ES256", use: "sig" };
  let isDown = false;
  let asked = 0;
  const issuer = createServer((_request, response) => {
    asked++;
    response.writeHead(isDown ? 500 : 200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ keys: [key] }));
  }).listen(0, "127.0.0.1");
  await once(issuer, "listening");
  const jwksUri = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`;
  const sign = (kid: string) =>
    jwt.sign({}, privateKey.export({ format: "pem", type: "pkcs8" }), {
      algorithm: "ES256",
      keyid: kid,
      issuer: "https://issuer.example.com",
      audience: bench.config.auth.audience,
      subject: bench.world.here.provider.userId,
      expiresIn: 600,
    });
  const environment = { JWKS_URI: jwksUri, JWT_ISSUER: "https://issuer.example.com", JWT_SECRET: "" };
  try {
    return await withGateway(bench, environment, async (gateway) => {
      const statusOf = async (kid: string) => {
        const sender = makeSender(gateway.url, { authorization: `Bearer ${sign(kid)}` });
        const { status } = await sender.send(QUERY);
        sender.close();
        return status;
      };
      const before = await statusOf("known");
      isDown = true;
      asked = 0;
      const known = await Promise.all(Array.from({ length: 50 }, () => statusOf("known")));
      const unknown = await Promise.all(
        Array.from({ length: 50 }, (_, index) => statusOf(`forged-${index}`)),
      );
      const stillKnown = known.filter((status) => status === before).length;
      return [
        {
          number: "28",
          fault: "The issuer answers 500",
          promise: "known keys keep working; unknown ones are refused and asked for at most every 30 s",
          measured: `${stillKnown} of 50 with a known key answered as before (${before}); 50 forged ones: ${[...new Set(unknown)].join(", ")}; the issuer was asked ${asked} times`,
          holds:
            before === 200 && stillKnown === 50 && unknown.every((status) => status === 401) && asked <= 1,
        },
      ];
    });
  } finally {
    issuer.close();
    issuer.closeAllConnections();
  }
}
