import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createAppointment } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { addJob, count, lastReason } from "./organizationWork.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  for (const { clinic, patient, provider } of [world.here, world.abroad]) {
    const startsAt = new Date(Date.now() - 3 * 86_400_000).toISOString();
    const endsAt = new Date(Date.now() - 3 * 86_400_000 + 60_000).toISOString();
    await createAppointment(db.superuser, clinic, patient, provider, `[${startsAt},${endsAt})`);
  }
});

beforeEach(() => db.superuser.query("delete from graphile_worker._private_jobs"));

const derived = (organizationId: string) =>
  count(db, "from app_public.appointment_metrics where source = 'derived' and organization_id = $1", [
    organizationId,
  ]);

describe("metrics__calculate", () => {
  it("derives the figures of its organization and of no other, once", async () => {
    await addJob(db, "metrics__calculate", { organizationId: world.own });
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([]);
    const figures = await derived(world.own);
    expect(figures).toBeGreaterThan(0);
    expect(await derived(world.foreign)).toBe(0);

    await addJob(db, "metrics__calculate", { organizationId: world.own });
    await runJobs(db);
    expect(await derived(world.own)).toBe(figures);
  });

  it("within one organization calculates nothing of another", () =>
    db.asWorker(world.own, async (request) => {
      const changed = await request.value("select app_hidden.calculate_organization_metrics($1)", [
        world.foreign,
      ]);
      expect(changed).toBe(0);
    }));

  it.each([{}, { organizationId: "x" }, { organizationId: null }])(
    "says what it needs for %j",
    async (payload) => {
      await addJob(db, "metrics__calculate", payload);
      await runJobs(db);
      expect(await lastReason(db)).toMatch("metrics__calculate needs an organizationId");
    },
  );
});

describe("metrics__enqueue", () => {
  it("makes sure that every organization is calculated", async () => {
    await addJob(db, "metrics__enqueue", {});
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([]);
    expect(await derived(world.own)).toBeGreaterThan(0);
    expect(await derived(world.foreign)).toBeGreaterThan(0);
  });

  it("is nothing that a person can ask for", () =>
    db.asUser(world.owner, (request) =>
      expect(request.attempt("select app_hidden.enqueue_metric_calculations()")).rejects.toMatchObject({
        code: "42501",
      }),
    ));
});
