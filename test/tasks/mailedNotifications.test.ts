import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { type TakenMail, useMailServer } from "../support/mailServer.ts";
import { addJob } from "./organizationWork.ts";

const db = useTestDatabase();
const server = useMailServer();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

beforeEach(async () => {
  await db.superuser.query("delete from graphile_worker._private_jobs");
  await db.superuser.query("delete from app_public.notifications");
  server.accept();
});

const work = () =>
  runJobs(db, {
    ...db.config,
    mail: { ...db.config.mail, smtpUrl: server.url(), from: "no-reply@clinic.example" },
  });

const addressesOf = async (people: readonly { userId: string }[]): Promise<string[]> => {
  const { rows } = await db.superuser.query<{ email: string }>(
    "select email from app_public.users where id = any ($1)",
    [people.map(({ userId }) => userId)],
  );
  return rows.map(({ email }) => email).toSorted();
};
const addressesIn = (mails: readonly TakenMail[]) => mails.flatMap(({ to }) => to).toSorted();

describe("a notification that asks for something", () => {
  it("of a weekly report is mailed once to those who run what it is of, and to nobody else", async () => {
    for (let run = 0; run < 2; run++) {
      await addJob(db, "report__create_weekly", { organizationId: world.own, day: "2026-03-05" });
      await work();
    }
    expect(await queuedJobs(db)).toEqual([]);
    const mails = server.taken();
    expect(addressesIn(mails)).toEqual(
      await addressesOf([world.here.clinicAdmin, world.there.clinicAdmin, world.owner, world.admin]),
    );
    expect(mails.filter(({ content }) => !content.includes("Subject: A weekly report is ready"))).toEqual([]);
  });

  it("of an emergency access is mailed to its reviewers, without saying whose record it is", async () => {
    await db.superuser.query(
      `insert into app_public.break_glass_grants
         (organization_id, patient_id, home_clinic_id, user_id, reason, expires_at)
       values ($1, $2, $3, $4, 'Unconscious in the ER', now() + interval '1 hour')`,
      [world.own, world.there.patient.id, world.there.clinic.id, world.here.provider.userId],
    );
    await work();
    const mails = server.taken();
    expect(addressesIn(mails)).toEqual(
      await addressesOf([world.there.clinicAdmin, world.owner, world.admin]),
    );
    expect(JSON.stringify(mails)).not.toMatch(/Unconscious/);
  });

  it("is not mailed where it only tells", async () => {
    await db.superuser.query(
      `insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
       values ($1, $2, 'appointment_booked', 'appointments', $2, 'told')`,
      [world.own, world.here.provider.userId],
    );
    expect(await queuedJobs(db)).toEqual([]);
  });
});
