import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

/** Jobs that their worker gives back, and jobs whose worker is gone. */
const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});
beforeEach(() => db.superuser.query("delete from graphile_worker._private_jobs"));

interface Held {
  queue?: string;
  worker?: string;
  /** How long the worker has had it. */
  since?: string;
  attempts?: number;
}

/** A job that a worker has, if one is named. Its key is its name here. */
async function add(
  client: ClientBase,
  key: string,
  { queue, worker, since = "2 hours", attempts = 1 }: Held = {},
) {
  const { rows } = await client.query<{ id: string }>(
    `select id from graphile_worker.add_job(
       'metrics__enqueue', json_build_object('organizationId', $2::uuid), queue_name := $3, job_key := $1,
       max_attempts := 3)`,
    [key, world.own, queue ?? null],
  );
  const id = rows[0]?.id;
  await client.query(
    `update graphile_worker._private_jobs
     set attempts = $2, locked_by = $3::text, locked_at = case when $3::text is not null then now() - $4::interval end
     where id = $1`,
    [id, attempts, worker ?? null, since],
  );
  return id;
}

const lockQueue = (client: ClientBase, queue: string, worker: string, since = "2 hours") =>
  client.query(
    "update graphile_worker._private_job_queues set locked_by = $2, locked_at = now() - $3::interval where queue_name = $1",
    [queue, worker, since],
  );

/** `job worker attempts` of each job, and `queue worker` of each queue. */
async function held(client: ClientBase) {
  const { rows: jobs } = await client.query<{ text: string }>(
    "select concat_ws(' ', key, locked_by, attempts) as text from graphile_worker._private_jobs order by 1",
  );
  const { rows: queues } = await client.query<{ text: string }>(
    "select concat_ws(' ', queue_name, locked_by) as text from graphile_worker._private_job_queues order by 1",
  );
  return { jobs: jobs.map(({ text }) => text), queues: queues.map(({ text }) => text) };
}

async function asWorker(client: ClientBase, sql: string, values: unknown[] = []) {
  await client.query("set local role app_worker");
  const { rows } = await client.query(sql, values);
  await client.query("reset role");
  return rows;
}

describe("a job that is given back", () => {
  const giveBack = "select app_hidden.give_back_job($1, $2)";

  it("is free with its queue, and what else the worker has is not", () =>
    db.inTransaction(async (client) => {
      const id = await add(client, "a", { queue: "line a", worker: "w" });
      await add(client, "b", { queue: "line b", worker: "w" });
      await lockQueue(client, "line a", "w");
      await lockQueue(client, "line b", "w");
      await asWorker(client, giveBack, [id, "w"]);
      expect(await held(client)).toEqual({ jobs: ["a 0", "b w 1"], queues: ["line a", "line b w"] });
    }));

  it("stays another worker's, and so does a queue that another has taken", () =>
    db.inTransaction(async (client) => {
      const id = await add(client, "a", { queue: "line a", worker: "first" });
      await lockQueue(client, "line a", "second");
      await asWorker(client, giveBack, [id, "second"]);
      expect(await held(client)).toEqual({ jobs: ["a first 1"], queues: ["line a second"] });
      await asWorker(client, giveBack, [id, "first"]);
      expect(await held(client)).toEqual({ jobs: ["a 0"], queues: ["line a second"] });
    }));
});

describe("jobs of workers that are gone", () => {
  const takeOver =
    "select jobs_taken as taken, jobs_parked as parked from app_hidden.take_over_jobs('1 minute')";

  const beat = (client: ClientBase) =>
    client.query(
      `insert into app_private.worker_heartbeats (worker_id, beaten_at, stopped_at)
       values ('alive', now(), null), ('stopped', now(), now()), ('silent', now() - interval '1 hour', null)`,
    );

  it("are taken over once they were had for long, and nobody else's", () =>
    db.inTransaction(async (client) => {
      await beat(client);
      for (const worker of ["alive", "stopped", "silent", "unknown"]) {
        await add(client, `of ${worker}`, { worker });
      }
      await add(client, "just begun", { worker: "unknown", since: "1 second" });
      expect(await asWorker(client, takeOver)).toEqual([{ taken: 3, parked: 0 }]);
      expect((await held(client)).jobs).toEqual([
        "just begun unknown 1",
        "of alive alive 1",
        "of silent 1",
        "of stopped 1",
        "of unknown 1",
      ]);
    }));

  it("free their queues, and no queue that a worker holds or whose job one has", () =>
    db.inTransaction(async (client) => {
      await beat(client);
      for (const queue of ["of alive", "of silent", "just taken"]) {
        await add(client, queue, { queue });
      }
      await add(client, "busy", { queue: "busy", worker: "alive" });
      await lockQueue(client, "of alive", "alive");
      await lockQueue(client, "of silent", "silent");
      await lockQueue(client, "just taken", "unknown", "1 second");
      await lockQueue(client, "busy", "silent");
      await asWorker(client, takeOver);
      expect((await held(client)).queues).toEqual([
        "busy silent",
        "just taken unknown",
        "of alive alive",
        "of silent",
      ]);
    }));

  it("are parked when no attempt is left, and nothing else is", () =>
    db.inTransaction(async (client) => {
      await beat(client);
      await add(client, "exhausted", { attempts: 3 });
      await add(client, "lost", { attempts: 3, worker: "silent" });
      await add(client, "at it", { attempts: 3, worker: "alive" });
      await add(client, "waiting");
      expect(await asWorker(client, takeOver)).toEqual([{ taken: 1, parked: 2 }]);
      expect((await held(client)).jobs).toEqual(["at it alive 3", "waiting 1"]);
      const { rows } = await client.query(
        "select error_code, attempts, organization_id from app_public.job_dead_letters",
      );
      const letter = { error_code: "worker_lost", attempts: 3, organization_id: world.own };
      expect(rows).toEqual([letter, letter]);
    }));
});
