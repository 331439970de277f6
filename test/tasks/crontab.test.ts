import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "@jest/globals";
import { parseCrontab } from "graphile-worker";
import { pino } from "pino";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { startWorker } from "../../src/jobs/startWorker.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { count } from "./organizationWork.ts";

const db = useTestDatabase();
const SOURCES = join(import.meta.dirname, "../../src");
const schedule = parseCrontab(readFileSync(join(SOURCES, "jobs/crontab"), "utf8"));
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

describe("the schedule", () => {
  it("names tasks that exist, and makes up for what was missed", () => {
    expect(schedule.length).toBeGreaterThan(0);
    for (const { task, options } of schedule) {
      expect(existsSync(join(SOURCES, `tasks/${task}.ts`))).toBe(true);
      expect(options.backfillPeriod).toBeGreaterThan(0);
    }
  });

  it("is made up for once by two workers that start together after three weeks", async () => {
    await db.superuser.query("delete from graphile_worker._private_jobs");
    await db.superuser.query("delete from graphile_worker._private_known_crontabs");
    await db.superuser.query(
      `insert into graphile_worker._private_known_crontabs (identifier, known_since, last_execution)
       select identifier, now() - interval '90 days', now() - interval '3 weeks' from unnest($1::text[]) as identifier`,
      [schedule.map(({ identifier }) => identifier)],
    );
    const logger = pino({ level: "silent" });
    const start = () => startWorker(db.config, { url: db.urls.worker, logger });
    const workers = await Promise.all([start(), start()]);
    const weeks = async () => {
      const { rows } = await db.superuser.query<{ week: string; count: number }>(
        `select starts_on::text as week, count(*)::int as count from app_public.reports
         where organization_id = $1 group by 1 order by 1`,
        [world.own],
      );
      return rows;
    };
    try {
      for (let attempt = 0; attempt < 200; attempt += 1) {
        if ((await weeks()).length >= 3 && (await queuedJobs(db)).length === 0) {
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      await Promise.all(workers.map((worker) => worker.close()));
    }
    // One for each of the two clinics and one for the organization, a week.
    expect((await weeks()).map(({ count }) => count)).toEqual([3, 3, 3]);
    expect(await queuedJobs(db)).toEqual([]);
  });

  it("takes no effect twice for a tick that comes again, as after the clock was moved back", async () => {
    const added = () =>
      db.superuser
        .query("select nextval('graphile_worker.jobs_id_seq1'::regclass)::int as id")
        .then(({ rows }) => rows[0].id as number);
    const tick = JSON.stringify({ _cron: { ts: "2026-03-09T13:00:00Z" } });
    const recipients =
      (await count(db, `from app_public.clinic_memberships where role = 'clinic_admin' and active`)) +
      (await count(
        db,
        `from app_public.organization_memberships where role in ('owner', 'admin') and active`,
      ));
    const counts: number[] = [];
    for (let run = 0; run < 2; run += 1) {
      const before = await added();
      await db.superuser.query("select graphile_worker.add_job('report__enqueue_weekly', $1::json)", [tick]);
      await db.superuser.query("select graphile_worker.add_job('metrics__enqueue', $1::json)", [tick]);
      await runJobs(db);
      counts.push((await added()) - before - 1);
    }
    // Two, one of each for each of the two organizations, one for the files of each report, and a mail for each of those who
    // run one of their clinics or organizations; then the two alone.
    const reports = await count(db, "from app_public.reports where starts_on = '2026-03-02'");
    expect(counts).toEqual([6 + reports + recipients, 2]);
  });
});
