import { describe, expect, it } from "@jest/globals";

import { makeReadOperationalState } from "../../../src/database/readOperationalState.ts";
import { withClient } from "../../../src/database/withClient.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
const ORGANIZATION = "00000000-0000-7000-8000-00000000000b";
const BEAT = "select app_hidden.beat_worker($1, $2)";
const NOBODY = {
  userId: "00000000-0000-7000-8000-00000000000a",
  sessionId: "00000000-0000-7000-8000-00000000000b",
};

describe("a worker's heartbeat", () => {
  it("can be given by a worker, again and again, says goodbye, and can begin anew", async () => {
    const seen: { at: number; hasStopped: boolean }[] = [];
    await withClient(db.urls.worker, async (worker) => {
      for (const isLast of [false, false, true, false]) {
        await worker.query(BEAT, ["w-1", isLast]);
        const { rows } = await db.superuser.query<{ at: number; hasStopped: boolean }>(
          `select extract(epoch from beaten_at)::float8 as at, stopped_at is not null as "hasStopped"
           from app_private.worker_heartbeats where worker_id = 'w-1'`,
        );
        seen.push(...rows);
      }
    });
    await db.superuser.query("delete from app_private.worker_heartbeats");
    expect(seen.map(({ hasStopped }) => hasStopped)).toEqual([false, false, true, false]);
    expect(new Set(seen.map(({ at }) => at)).size).toBe(4);
    expect(seen.map(({ at }) => at)).toEqual(seen.map(({ at }) => at).toSorted((a, b) => a - b));
  });

  it.each<[string, (sql: string, values: unknown[]) => Promise<unknown>]>([
    ["a signed-in person", (sql, values) => db.asUser(NOBODY, (request) => request.attempt(sql, values))],
    ["somebody without a token", (sql, values) => db.asAnonymous((request) => request.attempt(sql, values))],
  ])("denies it to %s", async (_title, attempt) => {
    await expect(attempt(BEAT, ["w-2", false])).rejects.toMatchObject({ code: "42501" });
  });

  it("cannot be seen or written past the function, not even by a worker", async () => {
    await db.asWorker(ORGANIZATION, async (request) => {
      for (const sql of [
        "select * from app_private.worker_heartbeats",
        "insert into app_private.worker_heartbeats (worker_id) values ('w-3')",
        "delete from app_private.worker_heartbeats",
      ]) {
        await expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" });
      }
    });
  });

  it("is forgotten after a day of silence", async () => {
    await db.inTransaction(async (client) => {
      await client.query(
        "insert into app_private.worker_heartbeats (worker_id, beaten_at) values ('old', now() - interval '25 hours')",
      );
      await client.query(BEAT, ["new", false]);
      const { rows } = await client.query("select worker_id from app_private.worker_heartbeats");
      expect(rows).toEqual([{ worker_id: "new" }]);
    });
  });

  it("is forgotten of the others only, and of none that beat today", async () => {
    await db.inTransaction(async (client) => {
      await client.query(
        `insert into app_private.worker_heartbeats (worker_id, beaten_at)
         values ('old', now() - interval '25 hours'), ('young', now() - interval '23 hours'),
           ('own', now() - interval '25 hours')`,
      );
      await client.query(BEAT, ["own", true]);
      const { rows } = await client.query(
        "select worker_id, stopped_at is not null as stopped from app_private.worker_heartbeats order by 1",
      );
      // Its row was kept: a new one would not say that it has stopped.
      expect(rows).toEqual([
        { worker_id: "own", stopped: true },
        { worker_id: "young", stopped: false },
      ]);
    });
  });
});

describe("the state of the installation", () => {
  it("is null where there is nothing to count from, and counts jobs by what has become of them", async () => {
    const pool = new (await import("pg")).default.Pool({ connectionString: db.urls.gateway, max: 1 });
    try {
      await db.superuser.query(`
        select graphile_worker.add_job('appointment__notify');
        select graphile_worker.add_job('appointment__notify', run_at := now() + interval '1 hour')`);
      const state = await makeReadOperationalState(pool)();
      expect(state).toMatchObject({
        workerSilentSeconds: null,
        auditUnsealedSeconds: null,
        jobsWaiting: 1,
        jobsRunning: 0,
        jobsFailed: 0,
        jobsParked: 0,
      });
    } finally {
      await pool.end();
    }
  });

  it("denies it to a signed-in person", async () => {
    await db.asUser(NOBODY, (request) =>
      expect(request.attempt("select * from app_hidden.operational_state()")).rejects.toMatchObject({
        code: "42501",
      }),
    );
  });

  it("tells how old the first event is that no seal covers", async () => {
    await db.inTransaction(async (client) => {
      const event = (age: string) =>
        client.query(
          `insert into app_audit.events (occurred_at, actor_role, command, table_name, row_id, changed_fields)
           values (now() - $1::interval, 'app_worker', 'INSERT', 'x', gen_random_uuid(), '{}')`,
          [age],
        );
      const lag = async () => {
        const { rows } = await client.query(
          "select audit_unsealed_seconds as lag from app_hidden.operational_state()",
        );
        return rows[0].lag;
      };
      const seal = (sequence: number, horizon: string) =>
        client.query(
          `insert into app_audit.checkpoints (sequence, timeline, first_transaction, horizon, system_identifier,
             event_count, root, previous_hash, key_id, signature)
           values ($1::bigint, 1, ($1::bigint - 1)::text::xid8, ${horizon}, 0, 1, decode(repeat('00', 32), 'hex'),
             case when $1::bigint > 1 then '\\x00'::bytea end, 'k', decode(repeat('00', 64), 'hex'))`,
          [sequence],
        );
      await event("1 hour");
      expect(await lag()).toBeNull();
      await seal(1, "pg_current_xact_id()");
      expect(await lag()).toBeGreaterThan(3590);
      await seal(2, "(pg_current_xact_id()::text::numeric + 1)::text::xid8");
      expect(await lag()).toBe(0);
    });
  });
});
