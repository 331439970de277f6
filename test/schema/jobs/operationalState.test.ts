import { expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { useTestDatabase } from "../../support/database.ts";

/** What each number of the state counts, and what it leaves out. */
const db = useTestDatabase();

async function state(client: ClientBase): Promise<Record<string, number | null>> {
  await client.query("set local role app_anonymous");
  const { rows } = await client.query("select * from app_hidden.operational_state()");
  await client.query("reset role");
  return rows[0];
}

interface Made {
  /** When it is due, from now. */
  due: string;
  attempts?: number;
  worker?: string;
}

async function add(client: ClientBase, { due, attempts = 0, worker }: Made): Promise<void> {
  const { rows } = await client.query<{ id: string }>(
    "select id from graphile_worker.add_job('metrics__enqueue', max_attempts := 3)",
  );
  await client.query(
    `update graphile_worker._private_jobs
     set run_at = now() + $2::interval, attempts = $3, locked_by = $4::text,
       locked_at = case when $4::text is not null then now() end
     where id = $1`,
    [rows[0]?.id, due, attempts, worker ?? null],
  );
}

it("each job counts once: as waiting, running or failed, or not at all before it is due", () =>
  db.inTransaction(async (client) => {
    await client.query("delete from graphile_worker._private_jobs");
    await add(client, { due: "1 hour" });
    expect(await state(client)).toMatchObject({ jobs_waiting: 0, oldest_job_seconds: 0 });
    await add(client, { due: "-1 hour", attempts: 2 });
    await add(client, { due: "-1 minute" });
    await add(client, { due: "-1 day", worker: "w", attempts: 1 });
    await add(client, { due: "-1 day", worker: "w", attempts: 3 });
    await add(client, { due: "-1 day", worker: "w", attempts: 3 });
    for (let failed = 0; failed < 4; failed++) {
      await add(client, { due: "-1 day", attempts: 3 });
    }
    expect(await state(client)).toMatchObject({
      jobs_waiting: 2,
      jobs_running: 3,
      jobs_failed: 4,
      oldest_job_seconds: 3600,
    });
  }));

it("a parked job counts until somebody has settled it", () =>
  db.inTransaction(async (client) => {
    await client.query("delete from app_public.job_dead_letters");
    await client.query(
      `insert into app_public.job_dead_letters (job_id, task, payload, error_code, attempts, resolution, resolved_at)
       values (1, 'x', '{}', 'failed', 1, null, null), (2, 'x', '{}', 'failed', 1, 'retried', now()),
         (3, 'x', '{}', 'failed', 1, 'dropped', now())`,
    );
    expect(await state(client)).toMatchObject({ jobs_parked: 1 });
  }));

it("a worker that has stopped in order is not missed, nor does it stand for one that is silent", () =>
  db.inTransaction(async (client) => {
    const beat = (worker: string, stoppedAt: string | null) =>
      client.query(
        `insert into app_private.worker_heartbeats (worker_id, beaten_at, stopped_at)
         values ($1, now() - interval '1 hour' * $2, $3)`,
        [worker, stoppedAt ? 0 : 1, stoppedAt],
      );
    await beat("stopped", new Date().toISOString());
    expect(await state(client)).toMatchObject({ worker_silent_seconds: null });
    await beat("silent", null);
    expect((await state(client)).worker_silent_seconds).toBeGreaterThan(3590);
  }));

it("an event waits for a seal when its timeline is a later one, or its transaction is of the same and later", () =>
  db.inTransaction(async (client) => {
    const [sealed, later] = ["1000000000000", "1000000000001"];
    await client.query(
      `insert into app_audit.checkpoints (sequence, timeline, first_transaction, horizon, system_identifier,
         event_count, root, previous_hash, key_id, signature)
       values (1, 2, '0', $1::text::xid8, 0, 1, decode(repeat('00', 32), 'hex'), null, 'k',
         decode(repeat('00', 64), 'hex'))`,
      [later],
    );
    const lag = async (timeline: number, transaction: string) => {
      await client.query("savepoint event");
      await client.query(
        `insert into app_audit.events (occurred_at, actor_role, command, table_name, row_id, changed_fields, timeline,
           transaction_id)
         values (now() - interval '1 hour', 'app_worker', 'INSERT', 'x', gen_random_uuid(), '{}', $1, $2::text::xid8)`,
        [timeline, transaction],
      );
      const { audit_unsealed_seconds: seconds } = await state(client);
      await client.query("rollback to savepoint event");
      return (seconds ?? 0) > 3590;
    };
    expect(await lag(1, later)).toBe(false);
    expect(await lag(2, sealed)).toBe(false);
    expect(await lag(2, later)).toBe(true);
    expect(await lag(3, sealed)).toBe(true);
  }));
