import { describe, expect, it } from "@jest/globals";

import { makeReadOperationalState } from "../../../src/database/readOperationalState.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
const ORGANIZATION = "00000000-0000-7000-8000-00000000000b";
const BEAT = "select app_hidden.beat_worker($1, $2)";
const NOBODY = {
  userId: "00000000-0000-7000-8000-00000000000a",
  sessionId: "00000000-0000-7000-8000-00000000000b",
};

describe("a worker's heartbeat", () => {
  it("can be given by a worker, again and again, and says goodbye", async () => {
    await db.asWorker(ORGANIZATION, async (request) => {
      for (const isLast of [false, false, true]) {
        await request.rows(BEAT, ["w-1", isLast]);
      }
    });
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
          `insert into app_audit.events (id, occurred_at, actor_role, command, table_name, row_id, changed_fields)
           values (app_hidden.uuid_v7(), now() - $1::interval, 'app_worker', 'INSERT', 'x', gen_random_uuid(), '{}')
           returning id`,
          [age],
        );
      const lag = async () => {
        const { rows } = await client.query(
          "select audit_unsealed_seconds as lag from app_hidden.operational_state()",
        );
        return rows[0].lag;
      };
      const { rows } = await event("1 hour");
      await client.query(
        `insert into app_audit.checkpoints (sequence, event_count, root, key_id, signature)
         values (1, 1, decode(repeat('00', 32), 'hex'), 'k', decode(repeat('00', 64), 'hex'))`,
      );
      await client.query(
        `insert into app_audit.seals (checkpoint_sequence, event_count, first_event_id, last_event_id, merkle_root)
         values (1, 1, $1, $1, decode(repeat('00', 32), 'hex'))`,
        [rows[0].id],
      );
      expect(await lag()).toBe(0);
      await new Promise((resolve) => setTimeout(resolve, 2));
      await event("10 minutes");
      expect(await lag()).toBeGreaterThan(590);
    });
  });
});
