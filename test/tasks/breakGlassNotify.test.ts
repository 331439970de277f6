import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await runJobs(db);
});

beforeEach(async () => {
  await db.superuser.query("delete from app_public.break_glass_grants");
  await db.superuser.query("delete from app_public.notifications");
});

/** Somebody of `here` opened the record of the patient of `there`, so many days ago. */
async function opened(daysAgo: number, isReviewed = false, by = world.here.provider): Promise<void> {
  await db.superuser.query(
    `insert into app_public.break_glass_grants
       (organization_id, patient_id, home_clinic_id, user_id, reason, created_at, expires_at, reviewed_at, reviewed_by)
     values ($1, $2, $3, $4, 'Unconscious in the ER', now() - make_interval(days => $5),
       now() - make_interval(days => $5) + interval '1 hour', $6, $7)`,
    [
      world.own,
      world.there.patient.id,
      world.there.clinic.id,
      by.userId,
      daysAgo,
      isReviewed ? new Date() : null,
      isReviewed ? world.there.clinicAdmin.userId : null,
    ],
  );
}

/** What the due jobs say in the log. */
async function warnings(): Promise<string[]> {
  const said: string[] = [];
  const write = (line: string) => void said.push((JSON.parse(line) as { msg: string }).msg);
  await runJobs(db, db.config, undefined, pino({ level: "warn" }, { write }));
  return said;
}

/** Who is told what. */
async function told(): Promise<Record<string, string[]>> {
  const { rows } = await db.superuser.query<{ kind: string; users: string[] }>(
    "select kind, array_agg(user_id::text) as users from app_public.notifications group by kind order by kind",
  );
  return Object.fromEntries(rows.map(({ kind, users }) => [kind, users.toSorted()]));
}

const reviewers = () =>
  [world.there.clinicAdmin, world.owner, world.admin].map(({ userId }) => userId).toSorted();

describe("break_glass__notify", () => {
  it("tells each reviewer once when a record is opened, and nobody else", async () => {
    await opened(0);
    await runJobs(db);
    expect(await told()).toEqual({ break_glass_opened: reviewers() });
    await db.superuser.query("select graphile_worker.add_job('break_glass__remind', '{}')");
    await runJobs(db);
    await runJobs(db);
    expect(await told()).toEqual({ break_glass_opened: reviewers() });
    expect(await queuedJobs(db)).toEqual([]);
  });

  it("reminds them when three days have gone by without a review", async () => {
    await opened(4);
    await runJobs(db);
    expect(await told()).toEqual({ break_glass_opened: reviewers(), break_glass_unreviewed: reviewers() });
    await db.inTransaction(async (client) => {
      // Ordinary triggers keep when a row was made.
      await client.query("set local session_replication_role to replica");
      await client.query(
        "update app_public.break_glass_grants set created_at = created_at - interval '3 days', expires_at = expires_at - interval '3 days'",
      );
      await client.query("commit");
    });
    await db.superuser.query("select graphile_worker.add_job('break_glass__remind', '{}')");
    await runJobs(db);
    await runJobs(db);
    expect((await told()).break_glass_unreviewed).toEqual([...reviewers(), ...reviewers()].toSorted());
  });

  it("warns each time that nobody may review what the only administrator has opened, and of nothing else", async () => {
    const others = [world.there.clinicAdmin.userId, world.admin.userId];
    const setActive = async (isActive: boolean) => {
      for (const memberships of ["clinic_memberships", "organization_memberships"]) {
        await db.superuser.query(
          `update app_public.${memberships} set active = $2 where user_id = any ($1)`,
          [others, isActive],
        );
      }
    };
    await opened(0, false, world.owner);
    expect(await warnings()).toEqual([]);
    await setActive(false);
    try {
      for (const _time of [1, 2]) {
        await db.superuser.query("select graphile_worker.add_job('break_glass__remind', '{}')");
        expect(await warnings()).toEqual([
          expect.stringMatching(/, 1 emergency accesses wait that nobody may review: /),
        ]);
      }
    } finally {
      await setActive(true);
    }
  });

  it("reminds nobody of what was reviewed", async () => {
    await opened(4, true);
    await runJobs(db);
    expect(await told()).toEqual({});
  });

  it("tells nobody of another organization's", async () => {
    await opened(4);
    await db.superuser.query("delete from graphile_worker._private_jobs");
    await db.superuser.query("select graphile_worker.add_job('break_glass__notify', $1)", [
      JSON.stringify({ organizationId: world.foreign }),
    ]);
    await runJobs(db);
    expect(await told()).toEqual({});
  });
});
