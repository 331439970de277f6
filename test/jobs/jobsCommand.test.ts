import { beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { runBailiwick } from "../support/runBailiwick.ts";

jest.setTimeout(60_000);

const db = useTestDatabase();
let world: World;
let letter: string;
let job: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});
beforeEach(async () => {
  await db.superuser.query("delete from graphile_worker._private_jobs");
  await db.superuser.query("delete from app_public.job_dead_letters");
  const payload = JSON.stringify({ organizationId: world.own, day: "2026-03-05" });
  const parked = await db.superuser.query<{ id: string }>(
    `insert into app_public.job_dead_letters (organization_id, job_id, task, payload, error_code, reason, attempts)
     values ($1, 1, 'report__create_weekly', $2, 'failed', 'It failed.', 8) returning id`,
    [world.own, payload],
  );
  const queued = await db.superuser.query<{ id: string }>(
    "select id from graphile_worker.add_job('metrics__enqueue', '{}')",
  );
  letter = parked.rows[0]?.id ?? "";
  job = queued.rows[0]?.id ?? "";
});

const jobs = (...args: string[]) => runBailiwick(db.config, "jobs", ...args);

describe("bailiwick jobs", () => {
  it("lists what is not done, and narrows by state, task and organization", async () => {
    const { output } = await jobs("list");
    expect(output).toContain(`${letter}  parked`);
    expect(output).toContain("metrics__enqueue  system  attempts 0");
    const { output: json } = await jobs("list", "--organization", world.own, "--json");
    expect(JSON.parse(json)).toMatchObject([{ id: letter, state: "parked", reason: "It failed." }]);
    expect((await jobs("list", "--task", "mail__send")).output).toContain("No such job.");
    await db.superuser.query("delete from graphile_worker._private_jobs");
    await db.superuser.query("delete from app_public.job_dead_letters");
    expect(await jobs("list")).toEqual({ code: 0, output: "Nothing is waiting.\n" });
  });

  it("shows one job, and says where there is none", async () => {
    expect((await jobs("show", letter)).output).toMatch(/errorCode +failed/);
    expect(await jobs("show", world.own)).toMatchObject({ code: 1 });
    expect(await jobs("show", "x")).toMatchObject({ code: 2 });
  });

  it("lets a parked job run again, once", async () => {
    expect(await jobs("retry", letter)).toMatchObject({ code: 0 });
    expect(await jobs("retry", letter)).toMatchObject({ code: 1 });
    expect(await queuedJobs(db)).toMatchObject([
      { task: "metrics__enqueue" },
      {
        task: "report__create_weekly",
        attempts: 0,
        payload: { organizationId: world.own, day: "2026-03-05" },
      },
    ]);
  });

  it("puts a parked job back into the line in which it stood", async () => {
    const queueOf = async () => {
      const { rows } = await db.superuser.query("select queue_name from graphile_worker.jobs");
      return rows.map(({ queue_name }) => queue_name);
    };
    await db.superuser.query("delete from graphile_worker._private_jobs");
    await db.superuser.query("delete from app_public.job_dead_letters");
    await db.superuser.query(
      "select graphile_worker.add_job('mail__send', '{}', queue_name := 'integration:1')",
    );
    await runJobs(db);
    expect(await queueOf()).toEqual([]);
    const { rows } = await db.superuser.query("select id from app_public.job_dead_letters");
    expect(await jobs("retry", rows[0]?.id)).toMatchObject({ code: 0 });
    expect(await queueOf()).toEqual(["integration:1"]);
  });

  it("drops a parked job and one of the queue, and not one that a worker is at", async () => {
    expect(await jobs("drop", letter, job)).toMatchObject({ code: 0 });
    expect(await queuedJobs(db)).toEqual([]);
    const { rows } = await db.superuser.query("select resolution from app_public.job_dead_letters");
    expect(rows).toEqual([{ resolution: "dropped" }]);
    await db.superuser.query("select graphile_worker.add_job('metrics__enqueue', '{}')");
    const { rows: held } = await db.superuser.query<{ id: string }>(
      "update graphile_worker._private_jobs set locked_by = 'w', locked_at = now() returning id",
    );
    expect(await jobs("drop", held[0]?.id ?? "")).toMatchObject({ code: 1 });
  });
});
