import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { addJob, count } from "./organizationWork.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const { id: clinicId, organizationId } = world.here.clinic;
  await db.superuser.query(
    `insert into app_public.financial_metrics (organization_id, clinic_id, metric_key, day, value)
     values ($1, $2, 'revenue', '2026-03-03', 120)`,
    [organizationId, clinicId],
  );
});

beforeEach(async () => {
  await db.superuser.query("delete from graphile_worker._private_jobs");
  await db.superuser.query("delete from app_public.reports");
});

interface Report {
  clinicId: string | null;
  week: string;
  figures: { metricKey: string; sum: number }[];
}

const reports = async (organizationId: string): Promise<Report[]> => {
  const { rows } = await db.superuser.query<Report>(
    `select clinic_id as "clinicId", starts_on::text || ' ' || ends_on as week, figures
     from app_public.reports where organization_id = $1`,
    [organizationId],
  );
  return rows;
};

describe("report__create_weekly", () => {
  it("makes one report for each clinic and one of the whole organization, however often it runs", async () => {
    for (let run = 0; run < 2; run += 1) {
      await addJob(db, "report__create_weekly", { organizationId: world.own, day: "2026-03-05" });
      await runJobs(db);
    }
    expect(await queuedJobs(db)).toEqual([]);
    const made = await reports(world.own);
    expect(made.map(({ clinicId }) => clinicId).sort()).toEqual(
      [world.here.clinic.id, world.there.clinic.id, null].sort(),
    );
    expect(new Set(made.map(({ week }) => week))).toEqual(new Set(["2026-03-02 2026-03-08"]));
    const ofHere = made.find(({ clinicId }) => clinicId === world.here.clinic.id);
    expect(ofHere?.figures).toMatchObject([{ metricKey: "revenue", sum: 120 }]);
    expect(await reports(world.foreign)).toEqual([]);
  });

  it("makes none of a clinic that is closed, or of an organization that is gone", async () => {
    await db.superuser.query("update app_public.clinics set active = false where id = $1", [
      world.there.clinic.id,
    ]);
    await addJob(db, "report__create_weekly", { organizationId: world.own, day: "2026-03-05" });
    await addJob(db, "report__create_weekly", { organizationId: world.here.clinic.id, day: "2026-03-05" });
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([]);
    expect((await reports(world.own)).map(({ clinicId }) => clinicId)).not.toContain(world.there.clinic.id);
    expect(await count(db, "from app_public.reports")).toBe(2);
  });

  it("within one organization cannot make one of another's clinic", () =>
    db.asWorker(world.own, async (request) => {
      const make = (clinicId: string, organizationId: string) =>
        request.attempt("select app_public.create_report('week', '2026-03-05', $1, $2)", [
          clinicId,
          organizationId,
        ]);
      await expect(make(world.abroad.clinic.id, world.foreign)).rejects.toMatchObject({ code: "42501" });
      await expect(make(world.abroad.clinic.id, world.own)).rejects.toMatchObject({ code: "23503" });
    }));
});

describe("report__enqueue_weekly", () => {
  it("asks for reports of the week before the one that it is for", async () => {
    await addJob(db, "report__enqueue_weekly", { _cron: { ts: "2026-03-09T13:00:00Z", backfilled: true } });
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([]);
    for (const organizationId of [world.own, world.foreign]) {
      expect(new Set((await reports(organizationId)).map(({ week }) => week))).toEqual(
        new Set(["2026-03-02 2026-03-08"]),
      );
    }
  });
});
