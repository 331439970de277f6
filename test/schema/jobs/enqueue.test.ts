import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createAppointment, createPatient } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";
import { queuedJobs, runJobs } from "../../support/jobs.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

beforeEach(() => db.superuser.query("delete from graphile_worker._private_jobs"));

describe("a change of appointments", () => {
  it("puts one job in the queue, with ids only", async () => {
    const { here } = world;
    const appointment = await createAppointment(db.superuser, here.clinic, here.patient, here.provider);
    expect(await queuedJobs(db)).toEqual([
      {
        task: "appointment__notify",
        payload: { organizationId: world.own, appointmentIds: [appointment.id] },
        attempts: 0,
        lastError: null,
      },
    ]);
  });

  it("of many rows puts one job for each organization in the queue", () =>
    db.inTransaction(async (client) => {
      await client.query("update app_public.appointments set reason = 'moved'");
      const { rows } = await client.query(
        "select payload ->> 'organizationId' as id from graphile_worker._private_jobs order by id",
      );
      expect(rows.map(({ id }) => id).sort()).toEqual([world.own, world.foreign].sort());
    }));

  it("that touches no row puts none in the queue", () =>
    db.inTransaction(async (client) => {
      await client.query("update app_public.appointments set reason = 'x' where false");
      expect((await client.query("select from graphile_worker._private_jobs")).rowCount).toBe(0);
    }));

  it("that is rolled back puts none in the queue", async () => {
    await db.asUser(world.here.provider, (request) =>
      request.attempt("update app_public.appointments set reason = 'x' where id = $1", [
        world.here.appointment.id,
      ]),
    );
    expect(await queuedJobs(db)).toEqual([]);
  });

  it("that an import makes tells nobody", () =>
    db.inTransaction(async (client) => {
      await client.query("select set_config('app.data_scope', $1, true)", [world.own]);
      await client.query("set local role app_data");
      expect(
        (await client.query("update app_public.appointments set reason = 'x'")).rowCount,
      ).toBeGreaterThan(1);
      await client.query("reset role");
      expect((await client.query("select from graphile_worker._private_jobs")).rowCount).toBe(0);
    }));
});

describe("the worker", () => {
  const notifications = async (userId: string) =>
    (await db.superuser.query("select id from app_public.notifications where user_id = $1", [userId]))
      .rowCount;

  it("tells the provider once, however often the job runs", async () => {
    const { here } = world;
    const before = (await notifications(here.provider.userId)) ?? 0;
    await createAppointment(
      db.superuser,
      here.clinic,
      await createPatient(db.superuser, here.clinic),
      here.provider,
    );
    const [job] = await queuedJobs(db);
    await db.superuser.query("select graphile_worker.add_job('appointment__notify', $1::json)", [
      JSON.stringify(job?.payload),
    ]);
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([]);
    expect(await notifications(here.provider.userId)).toBe(before + 1);
  });
});
