import { setTimeout as sleep } from "node:timers/promises";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { eventually } from "../../support/eventually.ts";
import { useGateway } from "../../support/graphql.ts";
import { useReplicatedDatabase } from "../../support/useReplicatedDatabase.ts";

jest.setTimeout(400_000);

const PATIENCE = 90_000;
const PAIRS = 200;
const db = useReplicatedDatabase();
const api = useGateway(db, {
  async prepare() {
    await db.superuser.query(`
      create function app_public.tell() returns int as $$
        begin perform pg_catalog.pg_notify('told', ''); return 1; end;
      $$ language plpgsql stable set search_path to '';
      grant execute on function app_public.tell() to app_user;
      grant execute on function pg_catalog.pg_notify(text, text) to app_user;
    `);
  },
  configure: (config) => ({
    ...config,
    http: { ...config.http, port: 0, adminPort: 0 },
    database: {
      ...config.database,
      replicas: { urls: [db.replica.urlOf(db.urls.gateway)], staleness: 0, patience: 100 },
    },
  }),
});
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await eventually(async () => (await ready()).checks.replicas, PATIENCE);
});

const admin = async (path: string) => fetch(`${api.gateway.adminUrl}${path}`);
const ready = async () =>
  (await (await admin("/ready")).json()) as { ready: boolean; checks: { replicas: boolean } };
const metric = async (name: string) => {
  const text = await (await admin("/metrics")).text();
  return Number(new RegExp(`^${name.replaceAll(/[{}"]/g, "\\$&")} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
};
const byReplica = () => metric('bailiwick_reads_total{target="replica"}');
const fallbacks = (reason: string) => metric(`bailiwick_replica_fallbacks_total{reason="${reason}"}`);

const nodeId = (id: string) => Buffer.from(JSON.stringify(["Patient", id])).toString("base64");
const write = (city: string) =>
  api.query(
    world.here.provider,
    `mutation { updatePatient(input: { id: "${nodeId(world.here.patient.id)}", patch: { city: "${city}" } }) { patient { city } } }`,
  );
const read = (headers: Record<string, string> = {}) =>
  api.query(world.here.provider, `{ patient(id: "${nodeId(world.here.patient.id)}") { city } }`, { headers });

describe("a query", () => {
  it("is answered by a replica, and a mutation never is", async () => {
    const none = await byReplica();
    // On a machine that does other things, the replica may be behind at first.
    await eventually(async () => (await read()).status === 200 && (await byReplica()) > none, PATIENCE);
    const before = await byReplica();
    expect((await write("Bath")).errors).toBeUndefined();
    expect(await byReplica()).toBe(before);
  });

  it("sees what was written before it, however the replica lags", async () => {
    const over = new AbortController();
    const stutter = async () => {
      while (!over.signal.aborted) {
        await db.onReplica("select pg_catalog.pg_wal_replay_pause()");
        await sleep(30 + Math.random() * 400);
        await db.onReplica("select pg_catalog.pg_wal_replay_resume()");
        await sleep(30 + Math.random() * 800);
      }
    };
    const before = await byReplica();
    const stuttering = stutter();
    const wrong: string[] = [];
    for (let count = 0; count < PAIRS; count++) {
      const { errors } = await write(`City ${count}`);
      const answer = await read();
      if (errors || answer.data?.patient?.city !== `City ${count}`) {
        wrong.push(`${count}: ${answer.text}`);
      }
    }
    over.abort();
    await stuttering;
    expect(wrong).toEqual([]);
    // Neither of them did all of it.
    expect(await byReplica()).toBeGreaterThan(before);
    expect(await fallbacks("behind")).toBeGreaterThan(0);
    await eventually(async () => (await ready()).checks.replicas, PATIENCE);
  });

  it("that turns out to write is answered by the primary, and is not tried elsewhere again", async () => {
    const tell = () => api.query(world.here.provider, "{ tell }");
    const before = await fallbacks("writes");
    expect((await tell()).data).toEqual({ tell: 1 });
    expect((await tell()).data).toEqual({ tell: 1 });
    expect(await fallbacks("writes")).toBe(before + 2);
  });
});

describe("rights that end while the replica lags", () => {
  it("have ended for the very next request", async () => {
    const { provider } = world.there;
    const look = () => api.query(provider, "{ patients { nodes { rowId } } }");
    expect((await look()).data.patients.nodes).not.toEqual([]);
    await db.onReplica("select pg_catalog.pg_wal_replay_pause()");
    try {
      await db.superuser.query("update app_public.clinic_memberships set active = false where user_id = $1", [
        provider.userId,
      ]);
      expect((await look()).data.patients.nodes).toEqual([]);
      await db.superuser.query(
        "update app_private.auth_sessions set revoked_at = now(), revoked_reason = 'signed_out' where id = $1",
        [provider.sessionId],
      );
      const { status } = await look();
      expect(status).toBe(401);
    } finally {
      await db.onReplica("select pg_catalog.pg_wal_replay_resume()");
    }
    await eventually(async () => (await ready()).checks.replicas, PATIENCE);
  });
});

describe("X-Database-Position", () => {
  it("is told after a mutation and taken back", async () => {
    const position = (await write("Rye")).headers.get("x-database-position") ?? "";
    expect(position).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    expect((await read({ "x-database-position": position })).data.patient.city).toBe("Rye");
  });

  it("is refused when it is none, and one from the future takes no replica out of service", async () => {
    expect((await read({ "x-database-position": "yesterday" })).status).toBe(400);
    expect((await read({ "x-database-position": "FFFFFFFF/0" })).status).toBe(200);
    expect(await fallbacks("unknown")).toBe(1);
  });
});

describe("a replica that is killed under load", () => {
  it("leaves nobody without the right answer, and gets reads again when it is back", async () => {
    const answers: string[] = [];
    let isOver = false;
    const ask = async () => {
      while (!isOver) {
        const { status, data, text } = await read();
        answers.push(`${status} ${data?.patient?.city ?? text}`);
      }
    };
    await write("Wells");
    const load = Array.from({ length: 8 }, ask);
    try {
      await eventually(() => answers.length > 100, PATIENCE);
      await db.replica.kill();
      await eventually(async () => {
        const { ready: isReady, checks } = await ready();
        return isReady && !checks.replicas;
      }, PATIENCE);
      const whenLost = answers.length;
      await eventually(() => answers.length > whenLost + 100, PATIENCE);
      await db.replica.start();
      await eventually(async () => (await ready()).checks.replicas, PATIENCE);
      const before = await byReplica();
      await eventually(async () => (await byReplica()) > before, PATIENCE);
    } finally {
      isOver = true;
      await Promise.all(load);
    }
    expect(new Set(answers)).toEqual(new Set(["200 Wells"]));
    expect(await fallbacks("lost")).toBeGreaterThan(0);
  });
});
