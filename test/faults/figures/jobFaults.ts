import { eventually } from "../../support/eventually.ts";
import type { Bench, Figure } from "./bench.ts";
import { countEffects, type KillPlan, startCounting } from "./workerKills.ts";

const ROUNDS = 3;
/** Milliseconds. */
const SILENCE = 3000;
const OTHERS = 200;

const planOf = ({ config, urls, superuser, world }: Bench): KillPlan => ({
  config,
  workerUrl: urls.worker,
  superuser,
  world,
  jobs: 0,
  kills: 0,
  workers: 1,
  pause: 0,
  interval: 0,
  silence: SILENCE,
});

async function addJobs({ superuser, world }: Bench, task: string, count: number, pause: number) {
  await superuser.query(
    `select graphile_worker.add_job($5, json_build_object(
       'organizationId', $1::uuid, 'userId', $2::uuid, 'subjectId', gen_random_uuid(), 'pause', $3::int))
     from generate_series(1, $4)`,
    [world.own, world.here.provider.userId, pause, count, task],
  );
}

async function countJobs({ superuser }: Bench, condition: string): Promise<number> {
  const { rows } = await superuser.query<{ count: number }>(
    `select count(*)::int as count from graphile_worker._private_jobs j
     join graphile_worker._private_tasks t on t.id = j.task_id where ${condition}`,
  );
  return rows[0]?.count ?? 0;
}

/** Fault 10: a worker is paused in the middle of its jobs, which others take over, and comes back to them. */
export async function pausedWorkers(bench: Bench): Promise<Figure[]> {
  const { superuser } = bench;
  await superuser.query("delete from app_public.notifications where kind = 'counted'");
  let taken = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const paused = await startCounting(planOf(bench));
    const held = `j.locked_by = '${paused.workerId}'`;
    await addJobs(bench, "test__count", 10, 3000);
    await eventually(async () => (await countJobs(bench, held)) > 0);
    process.kill(paused.process.pid, "SIGSTOP");
    taken += await countJobs(bench, held);
    const other = await startCounting(planOf(bench));
    try {
      await eventually(async () => (await countJobs(bench, held)) === 0, 60_000);
      process.kill(paused.process.pid, "SIGCONT");
      await eventually(async () => (await countJobs(bench, "t.identifier = 'test__count'")) === 0, 60_000);
    } finally {
      process.kill(paused.process.pid, "SIGCONT");
      await Promise.all([paused.process.stop(), other.process.stop()]);
    }
  }
  const { effects, twice, parked } = await countEffects(superuser);
  return [
    {
      number: "10",
      fault: `A worker is paused (SIGSTOP) with ${taken} jobs in ${ROUNDS} rounds, and comes back when others have them`,
      promise: "every effect exactly once",
      measured: `${effects} effects of ${10 * ROUNDS} jobs, ${twice} twice, ${parked} parked`,
      holds: effects === 10 * ROUNDS && twice === 0 && parked === 0 && taken > 0,
    },
  ];
}

/** Fault 11: jobs that never end hold two of a worker's four places. */
export async function poisonJobs(bench: Bench): Promise<Figure[]> {
  const { superuser } = bench;
  await superuser.query("delete from app_public.notifications where kind = 'counted'");
  const worker = await startCounting(planOf(bench));
  try {
    await addJobs(bench, "test__poison", 2, 0);
    await eventually(
      async () => (await countJobs(bench, "t.identifier = 'test__poison' and j.locked_by is not null")) === 2,
    );
    await addJobs(bench, "test__count", OTHERS, 10);
    await eventually(async () => (await countJobs(bench, "t.identifier = 'test__count'")) === 0, 60_000);
    const waiting = await countJobs(bench, "t.identifier = 'test__poison'");
    const parked = async () => {
      const { rows } = await superuser.query<{ reason: string; attempts: number }>(
        "select error_code as reason, attempts from app_public.job_dead_letters where task = 'test__poison'",
      );
      return rows;
    };
    await eventually(async () => (await parked()).length === 2, 60_000);
    const letters = await parked();
    const { effects, twice } = await countEffects(superuser);
    const isSaid = letters.every(({ reason, attempts }) => reason === "timeout" && attempts === 2);
    return [
      {
        number: "11",
        fault: "2 jobs that never end, in a worker of 4 places",
        promise:
          "the others are done meanwhile; the two are stopped at their timeout, tried again, and parked",
        measured: `${effects} of ${OTHERS} others done, ${waiting} of 2 not parked by then; afterwards ${letters.length} parked (${letters.map(({ reason, attempts }) => `${reason} after ${attempts} attempts`).join(", ")})`,
        holds: effects === OTHERS && twice === 0 && waiting > 0 && isSaid,
      },
    ];
  } finally {
    await worker.process.stop();
  }
}
