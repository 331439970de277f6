import { beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { pino } from "pino";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { startWorker } from "../../src/jobs/startWorker.ts";
import { tenantTask } from "../../src/jobs/tenantTask.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { queuedJobs } from "../support/jobs.ts";

jest.setTimeout(60_000);

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});
beforeEach(() => db.superuser.query("delete from graphile_worker._private_jobs"));

const start = (tasks: NonNullable<Parameters<typeof startWorker>[1]["tasks"]>, stopLimit?: number) =>
  startWorker(db.config, { url: db.urls.worker, logger: pino({ level: "silent" }), tasks, stopLimit });

const add = (task: string, queue: string | null = null) =>
  db.superuser.query("select graphile_worker.add_job($1, $2::json, queue_name := $3)", [
    task,
    JSON.stringify({ organizationId: world.own }),
    queue,
  ]);

describe("a worker that is told to stop", () => {
  it("lets its jobs finish", async () => {
    let state = "waiting";
    const test__slow = tenantTask("test__slow", {
      timeout: 10_000,
      parse: () => null,
      async perform() {
        state = "running";
        await new Promise((resolve) => setTimeout(resolve, 500));
        state = "done";
      },
    });
    const worker = await start({ test__slow });
    await add("test__slow");
    await eventually(() => state === "running");
    await worker.close();
    expect(state).toBe("done");
    expect(await queuedJobs(db)).toEqual([]);
  });

  it.each([["alone"], ["in a queue"]])(
    "gives back a job (%s) that does not finish in time",
    async (where) => {
      let isRunning = false;
      const test__endless = tenantTask("test__endless", {
        timeout: 60_000,
        parse: () => null,
        perform: () => {
          isRunning = true;
          return new Promise(() => undefined);
        },
      });
      const worker = await start({ test__endless }, 200);
      await add("test__endless", where === "alone" ? null : "the queue");
      await eventually(() => isRunning);
      await worker.close();
      const { rows } = await db.superuser.query(
        `select j.attempts, j.locked_by, j.run_at <= now() as is_due, q.locked_by as queue_locked_by
       from graphile_worker._private_jobs j left join graphile_worker._private_job_queues q on q.id = j.job_queue_id`,
      );
      expect(rows).toEqual([{ attempts: 0, locked_by: null, is_due: true, queue_locked_by: null }]);
    },
  );
});

describe("jobs of one queue name", () => {
  it("run one after the other, in order, with two workers at work", async () => {
    const seen: string[] = [];
    const test__ordered = tenantTask("test__ordered", {
      timeout: 10_000,
      parse: ({ number }) => Number(number),
      async perform({ payload }) {
        seen.push(`begin ${payload}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        seen.push(`end ${payload}`);
      },
    });
    await db.superuser.query(
      `select graphile_worker.add_job('test__ordered',
         json_build_object('organizationId', $1::uuid, 'number', n), queue_name := 'patient 1')
       from generate_series(1, 8) n`,
      [world.own],
    );
    const workers = await Promise.all([start({ test__ordered }), start({ test__ordered })]);
    await eventually(async () => (await queuedJobs(db)).length === 0);
    await Promise.all(workers.map((worker) => worker.close()));
    expect(seen).toEqual(Array.from({ length: 8 }, (_, n) => [`begin ${n + 1}`, `end ${n + 1}`]).flat());
  });
});
