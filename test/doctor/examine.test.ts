import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";

import { describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { examine } from "../../src/doctor/examine.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
const SECRET = "a secret that is long enough for anybody to use";

/** What a right environment of the test's database says. */
const environment = (): Record<string, string> => ({
  NODE_ENV: "development",
  DATABASE_URL: db.urls.superuser,
  ROLE_SECRET: db.config.database.roleSecret ?? "",
  JWT_SECRET: SECRET,
  DATA_DIR: db.config.database.dataDir,
  PORT: "0",
  ADMIN_PORT: "0",
  WORKER_ADMIN_PORT: "0",
});
const findings = async (changed: Record<string, string>) => {
  const observations = await examine({ ...environment(), ...changed }, pino({ level: "silent" }));
  return observations
    .filter(({ isFinding }) => isFinding)
    .map(({ topic, sentence }) => `${topic}: ${sentence}`);
};
/** The test's cluster is a throw-away one, and says so. */
const THROW_AWAY = /^database: fsync and full_page_writes and synchronous_commit off: /;

describe("doctor", () => {
  it("finds nothing in a right environment but what is wrong with it", async () => {
    expect(await findings({})).toEqual([expect.stringMatching(THROW_AWAY)]);
  });

  it.each<[string, () => Record<string, string>, RegExp]>([
    [
      "a wrong ROLE_SECRET",
      () => ({ ROLE_SECRET: `${SECRET} not` }),
      /app_authenticator cannot sign in .*password/,
    ],
    [
      "a database that is not there",
      () => ({ GATEWAY_DATABASE_URL: db.urls.gateway.replace(db.name, "nowhere") }),
      /app_authenticator cannot sign in .*no such database/,
    ],
    [
      "a server that is not there",
      () => ({ WORKER_DATABASE_URL: "postgres://app_worker:x@127.0.0.1:1/bailiwick" }),
      /app_worker cannot sign in .*nothing listens at that address/,
    ],
    [
      "a gateway that signs in as somebody powerful",
      () => ({ GATEWAY_DATABASE_URL: db.urls.superuser }),
      /The gateway logs in as 'postgres'.*let it be app_authenticator/,
    ],
    [
      "an administrator's connection to no server",
      () => ({ DATABASE_URL: "postgres://postgres:x@127.0.0.1:1/bailiwick" }),
      /^database: DATABASE_URL cannot be used: nothing listens at that address/m,
    ],
    [
      "an administrator's wrong password",
      () => ({ DATABASE_URL: db.urls.superuser.replace(/:[^:@/]+@/, ":wrong@") }),
      /^database: DATABASE_URL cannot be used: its password is wrong/m,
    ],
    [
      "production that cannot mail",
      () => ({ NODE_ENV: "production" }),
      /^mail: Nothing can be mailed, so nobody can register/m,
    ],
    [
      "more connections than there are",
      () => ({ GATEWAY_POOL_SIZE: "900" }),
      /want 922 connections, the server allows/,
    ],
    ["a contradiction", () => ({ PORT: "7000", ADMIN_PORT: "7000" }), /PORT and ADMIN_PORT must differ/],
    [
      "an issuer that does not answer",
      () => ({ JWT_SECRET: "", JWKS_URI: "http://127.0.0.1:1/keys", JWT_ISSUER: "x" }),
      /keys of x cannot be had/,
    ],
    [
      "an issuer without encryption",
      () => ({
        NODE_ENV: "production",
        JWT_SECRET: "",
        JWKS_URI: "http://issuer.example/k",
        JWT_ISSUER: "x",
      }),
      /must be fetched by https/,
    ],
    [
      "a data folder that nobody can write",
      () => ({ DATABASE_URL: "", DATA_DIR: "/proc/nowhere" }),
      /data folder: '\/proc' is not writable|cannot|free/,
    ],
  ])("says what to do about %s", async (_title, changed, sentence) => {
    expect((await findings(changed())).join("\n")).toMatch(sentence);
  });

  it("says which port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      expect((await findings({ WORKER_ADMIN_PORT: String(port) })).join("\n")).toMatch(
        `Port ${port} on 127.0.0.1`,
      );
    } finally {
      server.close();
    }
  });

  it("never repeats a password", async () => {
    const secret = "hunter2hunter2";
    const url = `postgres://app_authenticator:${secret}@127.0.0.1:1/bailiwick`;
    expect((await findings({ GATEWAY_DATABASE_URL: url })).join("\n")).not.toContain(secret);
  });

  it("works without an administrator's connection, as a gateway in production has none", async () => {
    const { DATABASE_URL: _admin, ROLE_SECRET: _secret, ...rest } = environment();
    const observations = await examine(
      {
        ...rest,
        NODE_ENV: "production",
        DATA_DIR: tmpdir(),
        GATEWAY_DATABASE_URL: db.urls.gateway,
        WORKER_DATABASE_URL: db.urls.worker,
      },
      pino({ level: "silent" }),
    );
    const sentences = observations.map(({ sentence }) => sentence);
    expect(sentences).toContain("app_authenticator can sign in.");
    expect(sentences).toContain("app_worker can sign in.");
    // What has its connections needs no server of its own.
    const topics = observations.map(({ topic }) => topic);
    for (const topic of ["data folder", "embedded Postgres", "disk"] as const) {
      expect(topics).not.toContain(topic);
    }
  });
});
