import { beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { queuedJobs } from "../support/jobs.ts";
import { countEffects, type KillPlan, killWorkers, startCounting } from "./figures/workerKills.ts";

jest.setTimeout(90_000);

const db = useTestDatabase();
let world: World;
let plan: KillPlan;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  plan = {
    config: db.config,
    workerUrl: db.urls.worker,
    superuser: db.superuser,
    world,
    jobs: 120,
    kills: 2,
    workers: 2,
    pause: 100,
    interval: 500,
    silence: 2000,
  };
});

beforeEach(() => db.superuser.query("delete from graphile_worker._private_jobs"));

describe("a worker that is killed", () => {
  it("loses its jobs to the others, and every effect happens exactly once", async () => {
    const { effects, twice, parked, longestTakeover } = await killWorkers(plan);
    expect({ effects, twice, parked }).toEqual({ effects: plan.jobs, twice: 0, parked: 0 });
    expect(longestTakeover).toBeLessThan(60_000);
  });
});

describe("a worker that is only paused", () => {
  it("finds its job taken over when it comes back, and does nothing twice", async () => {
    await db.superuser.query("delete from app_public.notifications");
    const paused = await startCounting(plan);
    let other: Awaited<ReturnType<typeof startCounting>> | undefined;
    try {
      await db.superuser.query(
        `select graphile_worker.add_job('test__count', json_build_object('organizationId', $1::uuid,
           'userId', $2::uuid, 'subjectId', gen_random_uuid(), 'pause', 2000)) from generate_series(1, 4)`,
        [world.own, world.here.provider.userId],
      );
      const holders = async () => {
        const { rows } = await db.superuser.query<{ holder: string }>(
          "select distinct locked_by as holder from graphile_worker._private_jobs",
        );
        return rows.map(({ holder }) => holder);
      };
      await eventually(async () => (await holders()).includes(paused.workerId));
      process.kill(paused.process.pid, "SIGSTOP");
      other = await startCounting(plan);
      await eventually(async () => !(await holders()).includes(paused.workerId), 30_000);
      process.kill(paused.process.pid, "SIGCONT");
      await eventually(async () => (await queuedJobs(db)).length === 0, 30_000);
    } finally {
      process.kill(paused.process.pid, "SIGCONT");
      await Promise.all([paused.process.stop(), other?.process.stop()]);
    }
    expect(await countEffects(db.superuser)).toEqual({ effects: 4, twice: 0, parked: 0 });
  });
});
