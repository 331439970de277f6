import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { addJob, count } from "./organizationWork.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("delete from graphile_worker._private_jobs");
});

describe("maintenance__clean_up", () => {
  it("deletes what ended 90 days ago, and nothing younger or unsettled", async () => {
    const { userId } = await createPerson(db.superuser);
    const days = [-100, -80, 10];
    await db.superuser.query("delete from app_private.auth_sessions");
    await db.superuser.query(
      `insert into app_private.auth_sessions (user_id, expires_at)
       select $1, now() + make_interval(days => d) from unnest($2::int[]) d`,
      [userId, days],
    );
    await db.superuser.query(
      `insert into app_private.job_effects (organization_id, effect_key, created_at)
       select $1, 'key ' || d, now() + make_interval(days => d) from unnest($2::int[]) d`,
      [world.own, days],
    );
    await db.superuser.query(
      `insert into app_public.job_dead_letters (organization_id, job_id, task, payload, error_code, attempts, resolution, resolved_at)
       values ($1, 1, 'x', '{}', 'failed', 1, 'dropped', now() - interval '100 days'),
         ($1, 2, 'x', '{}', 'failed', 1, 'dropped', now() - interval '80 days'),
         ($1, 3, 'x', '{}', 'failed', 1, null, null)`,
      [world.own],
    );
    await addJob(db, "maintenance__clean_up", {});
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([]);
    expect(await count(db, "from app_private.auth_sessions")).toBe(2);
    expect(await count(db, "from app_private.job_effects where effect_key like 'key %'")).toBe(2);
    expect(await count(db, "from app_public.job_dead_letters where task = 'x'")).toBe(2);
    expect(await count(db, "from app_public.job_dead_letters where task <> 'x'")).toBe(0);
  });

  it("deletes the webhook events of 90 days ago, applied or not, and younger ones that wait", async () => {
    await db.superuser.query(
      `insert into app_private.webhook_events (provider, event_id, payload, received_at, processed_at)
       select 'clerk', format('%s %s', days, applied), '{"email": "a@example.com"}', now() - make_interval(days => days),
         case when applied then now() - make_interval(days => days) end
       from unnest(array[100, 80]) days, unnest(array[true, false]) applied`,
    );
    await addJob(db, "maintenance__clean_up", {});
    await runJobs(db);
    const { rows } = await db.superuser.query(
      "select event_id from app_private.webhook_events order by event_id",
    );
    expect(rows).toEqual([{ event_id: "80 f" }, { event_id: "80 t" }]);
  });

  it("keeps the effect keys that an old job which waits for somebody may still need", async () => {
    await db.superuser.query(
      `insert into app_public.job_dead_letters (organization_id, job_id, task, payload, error_code, attempts, created_at)
       values ($1, 4, 'x', '{}', 'failed', 1, now() - interval '200 days')`,
      [world.own],
    );
    await db.superuser.query(
      `insert into app_private.job_effects (organization_id, effect_key, created_at)
       values ($1, 'needed', now() - interval '190 days'), ($1, 'past', now() - interval '300 days')`,
      [world.own],
    );
    await addJob(db, "maintenance__clean_up", {});
    await runJobs(db);
    expect(await count(db, "from app_private.job_effects where effect_key = 'needed'")).toBe(1);
    expect(await count(db, "from app_private.job_effects where effect_key = 'past'")).toBe(0);
  });
});

describe("maintenance__nightly", () => {
  it("refreshes the statistics of every table, and keeps a report", async () => {
    await addJob(db, "maintenance__nightly", {});
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([]);
    expect(await count(db, "from app_public.job_dead_letters where task like 'maintenance%'")).toBe(0);
    expect(await count(db, "from app_private.maintenance_reports")).toBe(1);
    const { rows } = await db.superuser.query(
      "select reltuples > 0 as counted from pg_class where oid = 'app_public.patients'::regclass",
    );
    expect(rows).toEqual([{ counted: true }]);
  });

  it("analyzes no table but the application's", () =>
    db.asWorker(world.own, (request) =>
      expect(
        request.attempt("select app_hidden.analyze_table('pg_catalog.pg_authid')"),
      ).rejects.toMatchObject({
        code: "BADIN",
      }),
    ));

  it.each([
    "app_hidden.clean_up('sessions')",
    "app_hidden.keep_maintenance_report()",
    "app_hidden.list_jobs()",
  ])("denies %s to a person", (call) =>
    db.asUser(world.owner, (request) =>
      expect(request.attempt(`select ${call}`)).rejects.toMatchObject({ code: "42501" }),
    ),
  );
});
