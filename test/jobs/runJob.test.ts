import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { JobProblem } from "../../src/jobs/JobProblem.ts";
import { type TenantJob, tenantTask } from "../../src/jobs/tenantTask.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});
beforeEach(async () => {
  await db.superuser.query("delete from graphile_worker._private_jobs");
  await db.superuser.query("delete from app_public.job_dead_letters");
  await db.superuser.query("delete from app_private.job_effects");
});

type Perform = (job: TenantJob<null>) => Promise<void>;

/** Runs one job of the own organization, once. */
async function runOne(perform: Perform, limits: { timeout?: number; maxAttempts?: number } = {}) {
  const task = tenantTask("test__one", { timeout: 10_000, parse: () => null, ...limits, perform });
  await db.superuser.query("select graphile_worker.add_job('test__one', $1::json)", [
    JSON.stringify({ organizationId: world.own, actorId: world.here.provider.userId, requestId: "r-1" }),
  ]);
  await runJobs(db, db.config, { test__one: task });
}

async function deadLetters() {
  const { rows } = await db.superuser.query(
    "select organization_id, task, error_code, reason, attempts from app_public.job_dead_letters",
  );
  return rows;
}

const notify = async (client: ClientBase, key: string) =>
  client.query(
    `insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
     values ($1, $2, 'tested', 'x', $1, $3)`,
    [world.own, world.here.provider.userId, key],
  );
const attemptLate = async (client: ClientBase) => notify(client, "late").catch((error: unknown) => error);
const notified = async () =>
  (await db.superuser.query("select from app_public.notifications where kind = 'tested'")).rowCount;

describe("a job that fails", () => {
  it("waits for its next attempt, and leaves in the queue no word of what the error quoted", async () => {
    await runOne(async () => {
      throw new Error("Jane Doe, born 1980-02-03");
    });
    const [job] = await queuedJobs(db);
    expect([job?.attempts, job?.lastError]).toEqual([1, expect.stringContaining("The job failed")]);
    expect(await deadLetters()).toEqual([]);
  });

  it("waits e to the power of its attempts, in seconds", async () => {
    const task = tenantTask("test__one", {
      timeout: 1000,
      parse: () => null,
      perform: () => Promise.reject(new Error("x")),
    });
    await db.superuser.query("select graphile_worker.add_job('test__one', $1::json)", [
      JSON.stringify({ organizationId: world.own }),
    ]);
    const pauses: number[] = [];
    for (const attempts of [0, 4]) {
      await db.superuser.query("update graphile_worker._private_jobs set attempts = $1, run_at = now()", [
        attempts,
      ]);
      await runJobs(db, db.config, { test__one: task });
      const { rows } = await db.superuser.query<{ pause: number }>(
        "select extract(epoch from run_at - updated_at)::float8 as pause from graphile_worker._private_jobs",
      );
      pauses.push(rows[0]?.pause ?? 0);
    }
    expect(pauses[0]).toBeCloseTo(Math.E, 0);
    expect((pauses[1] ?? 0) / Math.E ** 5).toBeCloseTo(1, 1);
  });

  it("is parked after its last attempt, once, with its code and a sentence", async () => {
    await runOne(
      async ({ inTenant }) => inTenant(async (client) => void (await client.query("select 1 / 0"))),
      { maxAttempts: 1 },
    );
    expect(await queuedJobs(db)).toEqual([]);
    expect(await deadLetters()).toEqual([
      {
        organization_id: world.own,
        task: "test__one",
        error_code: "failed",
        reason: "Postgres has refused it (22012).",
        attempts: 1,
      },
    ]);
  });

  it("is parked at once where trying again changes nothing", async () => {
    await runOne(async () => {
      throw new JobProblem("refused", "The service wants none of it.", { isFinal: true });
    });
    expect(await deadLetters()).toMatchObject([
      { error_code: "refused", reason: "The service wants none of it." },
    ]);
  });

  it("that no worker survives is parked without being tried again", async () => {
    let runs = 0;
    const task = tenantTask("test__one", {
      timeout: 1000,
      maxAttempts: 3,
      parse: () => null,
      perform: async () => void (runs += 1),
    });
    await db.superuser.query("select graphile_worker.add_job('test__one', $1::json)", [
      JSON.stringify({ organizationId: world.own }),
    ]);
    await db.superuser.query("update graphile_worker._private_jobs set attempts = 3");
    await runJobs(db, db.config, { test__one: task });
    expect(runs).toBe(0);
    expect(await deadLetters()).toMatchObject([{ error_code: "worker_lost" }]);
  });
});

describe("a job that never ends", () => {
  it("is stopped at its timeout, and cannot write afterwards", async () => {
    const late: Promise<unknown>[] = [];
    await runOne(
      ({ inTenant, signal }) =>
        inTenant((client) => {
          signal.addEventListener("abort", () => setTimeout(() => late.push(attemptLate(client)), 50));
          return new Promise(() => undefined);
        }),
      { timeout: 200, maxAttempts: 1 },
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await deadLetters()).toMatchObject([{ error_code: "timeout" }]);
    expect(await Promise.all(late)).toMatchObject([{ code: "timeout" }]);
    expect(await notified()).toBe(0);
  });

  it("does not hold back the others", async () => {
    const tasks = {
      test__stuck: tenantTask("test__stuck", {
        timeout: 2000,
        maxAttempts: 1,
        parse: () => null,
        perform: () => new Promise(() => undefined),
      }),
      test__quick: tenantTask("test__quick", {
        timeout: 10_000,
        parse: () => null,
        perform: ({ inTenant }) => inTenant(async (client) => void (await notify(client, "quick"))),
      }),
    };
    const payload = JSON.stringify({ organizationId: world.own });
    await db.superuser.query("select graphile_worker.add_job('test__stuck', $1::json)", [payload]);
    await db.superuser.query("select graphile_worker.add_job('test__quick', $1::json)", [payload]);
    await runJobs(db, db.config, tasks);
    expect(await queuedJobs(db)).toEqual([]);
    expect(await notified()).toBe(1);
    await db.superuser.query("delete from app_public.notifications where kind = 'tested'");
  });
});

describe("an effect", () => {
  it("happens once, however often the job runs, and again for another key", async () => {
    const results: boolean[] = [];
    for (const key of ["a", "a", "b"]) {
      await runOne(({ inTenant, claimEffect }) =>
        inTenant(async (client) => void results.push(await claimEffect(client, key))),
      );
    }
    expect(results).toEqual([true, false, true]);
  });

  it("that is rolled back leaves its key to the next attempt", async () => {
    await runOne(({ inTenant, claimEffect }) =>
      inTenant(async (client) => {
        await claimEffect(client, "c");
        throw new Error("x");
      }),
    );
    const results: boolean[] = [];
    await runOne(({ inTenant, claimEffect }) =>
      inTenant(async (client) => void results.push(await claimEffect(client, "c"))),
    );
    expect(results).toEqual([true]);
  });

  it("of a job that another worker has taken meanwhile is rolled back", async () => {
    await runOne(({ inTenant }) =>
      inTenant(async (client) => {
        await notify(client, "lost");
        await db.superuser.query("update graphile_worker._private_jobs set locked_by = 'other'");
      }),
    );
    expect(await notified()).toBe(0);
    // The job is the other's: neither done, nor failed, nor parked.
    const { rows } = await db.superuser.query(
      "select locked_by, last_error from graphile_worker._private_jobs",
    );
    expect(rows).toEqual([{ locked_by: "other", last_error: null }]);
    expect(await deadLetters()).toEqual([]);
  });
});
