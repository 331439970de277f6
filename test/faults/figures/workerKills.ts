import { setTimeout as sleep } from "node:timers/promises";

import type { Pool } from "pg";

import type { World } from "../../../src/access/world/world.ts";
import type { Config } from "../../../src/config.ts";
import { eventually } from "../../support/eventually.ts";
import { ServeProcess } from "../../support/ServeProcess.ts";
import type { Bench, Figure } from "./bench.ts";

export interface KillPlan {
  config: Config;
  workerUrl: string;
  superuser: Pick<Pool, "query">;
  world: World;
  jobs: number;
  kills: number;
  workers: number;
  /** Milliseconds: a job pauses for up to three of them; between two kills; without a sign of life. */
  pause: number;
  interval: number;
  silence: number;
}

export interface KillResult {
  /** Effects that happened, and those that did more than once. */
  effects: number;
  twice: number;
  parked: number;
  /** Jobs that killed workers had, and milliseconds until the last of them was nobody's. */
  orphans: number;
  longestTakeover: number;
}

interface Working {
  process: ServeProcess;
  workerId: string;
}

const ADD_JOBS = `\
select graphile_worker.add_job('test__count', json_build_object(
  'organizationId', $1::uuid, 'userId', $2::uuid, 'subjectId', gen_random_uuid(), 'pause', $3::int))
from generate_series(1, $4)`;

/** Kills workers at random while they work off jobs whose effects are counted, and puts new ones in their places. */
export async function killWorkers(plan: KillPlan): Promise<KillResult> {
  const { superuser, world, jobs, kills, pause, interval } = plan;
  const working: Working[] = [];
  const lost = new Map<string, { at: number; until: number; jobs: number }>();
  await superuser.query(ADD_JOBS, [world.own, world.here.provider.userId, pause, jobs]);
  try {
    for (let index = 0; index < plan.workers; index += 1) {
      working.push(await startCounting(plan));
    }
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(interval * (0.5 + Math.random()));
      const index = Math.floor(Math.random() * working.length);
      const [victim] = working.splice(index, 1);
      await victim?.process.stop("SIGKILL");
      const held = await countLocks(superuser, victim?.workerId ?? "");
      lost.set(victim?.workerId ?? "", { at: performance.now(), until: performance.now(), jobs: held });
      await noteTakeovers(superuser, lost);
      working.push(await startCounting(plan));
    }
    await eventually(async () => {
      await noteTakeovers(superuser, lost);
      const { rows } = await superuser.query<{ count: number }>(
        "select count(*)::int as count from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id where t.identifier = 'test__count'",
      );
      return rows[0]?.count === 0;
    }, 240_000);
  } finally {
    await Promise.all(working.map(({ process }) => process.stop()));
  }
  return { ...(await countEffects(superuser)), ...summarize(lost) };
}

/** A worker of its own process; waits until it works. */
export async function startCounting({ config, workerUrl, superuser, silence }: KillPlan): Promise<Working> {
  const known = await workerIds(superuser);
  const process = new ServeProcess(
    config,
    workerUrl,
    { WORKER_SILENCE: String(silence) },
    "test/faults/countingWorker.ts",
  );
  try {
    await process.says("The counting worker works");
    const workerId = (await workerIds(superuser)).find((id) => !known.includes(id)) ?? "";
    return { process, workerId };
  } catch (error) {
    await process.stop("SIGKILL");
    throw error;
  }
}

async function workerIds(superuser: KillPlan["superuser"]): Promise<string[]> {
  const { rows } = await superuser.query<{ id: string }>(
    "select worker_id as id from app_private.worker_heartbeats",
  );
  return rows.map(({ id }) => id);
}

async function countLocks(superuser: KillPlan["superuser"], workerId: string): Promise<number> {
  const { rows } = await superuser.query<{ count: number }>(
    "select count(*)::int as count from graphile_worker._private_jobs where locked_by = $1",
    [workerId],
  );
  return rows[0]?.count ?? 0;
}

/** Keeps for each killed worker when its jobs were last seen to be its own. */
async function noteTakeovers(
  superuser: KillPlan["superuser"],
  lost: Map<string, { at: number; until: number; jobs: number }>,
): Promise<void> {
  for (const [workerId, entry] of lost) {
    if ((await countLocks(superuser, workerId)) > 0) {
      entry.until = performance.now();
    }
  }
}

function summarize(lost: ReadonlyMap<string, { at: number; until: number; jobs: number }>) {
  const entries = [...lost.values()];
  return {
    orphans: entries.reduce((sum, { jobs }) => sum + jobs, 0),
    longestTakeover: Math.max(0, ...entries.map(({ at, until }) => until - at)),
  };
}

export async function countEffects(
  superuser: KillPlan["superuser"],
): Promise<Pick<KillResult, "effects" | "twice" | "parked">> {
  const { rows } = await superuser.query<Pick<KillResult, "effects" | "twice" | "parked">>(
    `select count(*)::int as effects, (count(*) - count(distinct subject_id))::int as twice,
       (select count(*)::int from app_public.job_dead_letters where task = 'test__count') as parked
     from app_public.notifications where kind = 'counted'`,
  );
  return rows[0] ?? { effects: 0, twice: 0, parked: 0 };
}

const JOBS = 2000;
const KILLS = 20;

/** Fault 9: workers are killed in the middle of their jobs. */
export async function killedWorkers({ config, urls, superuser, world }: Bench): Promise<Figure[]> {
  const { effects, twice, parked, orphans, longestTakeover } = await killWorkers({
    config,
    workerUrl: urls.worker,
    superuser,
    world,
    jobs: JOBS,
    kills: KILLS,
    workers: 2,
    pause: 150,
    interval: 2500,
    silence: config.worker.silence,
  });
  return [
    {
      number: "9",
      fault: `${KILLS} × SIGKILL of workers among ${JOBS.toLocaleString("en")} jobs`,
      promise: "every effect exactly once; the jobs of a killed worker are taken over within 60 s",
      measured: `${effects.toLocaleString("en")} effects, ${twice} twice, ${JOBS - effects + twice} missing, ${parked} parked; ${orphans} jobs taken over, the last after ${(longestTakeover / 1000).toFixed(1)} s`,
      holds: effects === JOBS && twice === 0 && parked === 0 && orphans > 0 && longestTakeover < 60_000,
    },
  ];
}
