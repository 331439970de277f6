import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { addJob, count, lastReason } from "./organizationWork.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await runJobs(db);
  await db.superuser.query("delete from app_public.notifications");
});

const notified = () => count(db, "from app_public.notifications");

describe("appointment__notify", () => {
  it("tells nobody when one organization's job is handed another's appointment", async () => {
    await addJob(db, "appointment__notify", {
      organizationId: world.own,
      appointmentIds: [world.abroad.appointment.id],
    });
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([]);
    expect(await notified()).toBe(0);
  });

  it("tells the providers of its own", async () => {
    await addJob(db, "appointment__notify", {
      organizationId: world.own,
      appointmentIds: [world.abroad.appointment.id, world.here.appointment.id],
    });
    await runJobs(db);
    const { rows } = await db.superuser.query("select user_id, subject_id from app_public.notifications");
    expect(rows).toEqual([{ user_id: world.here.provider.userId, subject_id: world.here.appointment.id }]);
  });

  it.each([{}, { appointmentIds: ["x"] }])("says what it needs for %j", async (payload) => {
    await addJob(db, "appointment__notify", { organizationId: world.own, ...payload });
    await runJobs(db);
    expect(await lastReason(db)).toMatch("appointment__notify needs appointmentIds");
  });
});
