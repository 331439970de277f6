import { beforeAll, describe, expect, it } from "@jest/globals";

import {
  createAppointment,
  createMember,
  createPatient,
  joinClinic,
} from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
const NOBODY = "00000000-0000-7000-8000-000000000009";
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

interface Booking {
  patientId: string;
  from?: string;
  to?: string;
  providerId?: string;
  clinicId?: string;
}

const book = (request: Request, { patientId, from = "09:00", to = "10:00", providerId, clinicId }: Booking) =>
  request.attempt(
    `select * from app_public.book_appointment(
       $1, ('2031-03-01 ' || $2 || 'Z')::timestamptz, ('2031-03-01 ' || $3 || 'Z')::timestamptz,
       coalesce($4::uuid, auth.uid()), coalesce($5::uuid, app_hidden.default_clinic_id()))`,
    [patientId, from, to, providerId, clinicId],
  );

describe("book_appointment", () => {
  it("can book with the caller in the caller's only clinic, which need not be named", () =>
    db.asUser(world.here.provider, async (request) => {
      expect(await book(request, { patientId: world.here.patient.id })).toBe(1);
      expect(
        await request.rows(
          "select clinic_id, provider_id, status from app_public.appointments where starts_at > '2031-01-01'",
        ),
      ).toEqual([
        { clinic_id: world.here.clinic.id, provider_id: world.here.provider.userId, status: "booked" },
      ]);
    }));

  it("can book a patient whom another clinic shares", () =>
    db.asUser(world.here.provider, async (request) => {
      expect(await book(request, { patientId: world.shared.id })).toBe(1);
    }));

  it("denies a patient of another clinic, of another organization and of nobody with one answer", () =>
    db.asUser(world.here.provider, async (request) => {
      for (const patientId of [world.there.patient.id, world.abroad.patient.id, NOBODY]) {
        await expect(book(request, { patientId })).rejects.toMatchObject({
          code: "NTFND",
          column: "patient_id",
          message: "There is no such patient.",
        });
      }
    }));

  it("denies a provider who does not work in the clinic, known or not, with one answer", () =>
    db.asUser(world.here.staff, async (request) => {
      for (const providerId of [world.there.provider.userId, world.abroad.provider.userId, NOBODY]) {
        await expect(book(request, { patientId: world.here.patient.id, providerId })).rejects.toMatchObject({
          code: "NTFND",
          column: "provider_id",
          message: "There is no such provider in this clinic.",
        });
      }
    }));

  it("denies a provider who has left the clinic", async () => {
    const left = await createMember(db.superuser, world.here.clinic, "provider");
    await db.superuser.query("update app_public.clinic_memberships set active = false where user_id = $1", [
      left.userId,
    ]);
    await db.asUser(world.here.staff, (request) =>
      expect(
        book(request, { patientId: world.here.patient.id, providerId: left.userId }),
      ).rejects.toMatchObject({ code: "NTFND" }),
    );
  });

  it.each(["staff", "viewer"] as const)(
    "denies a provider who is %s of the clinic and treats nobody",
    (role) =>
      db.asUser(world.here.staff, (request) =>
        expect(
          book(request, { patientId: world.here.patient.id, providerId: world.here[role].userId }),
        ).rejects.toMatchObject({ code: "NTFND" }),
      ),
  );

  it("denies a clinic the caller does not work in", () =>
    db.asUser(world.here.provider, (request) =>
      expect(
        book(request, {
          patientId: world.shared.id,
          clinicId: world.there.clinic.id,
          providerId: world.there.provider.userId,
        }),
      ).rejects.toMatchObject({ code: "NTFND" }),
    ));

  it("denies a clinic of another organization and one of nobody with one answer", () =>
    db.asUser(world.here.provider, async (request) => {
      for (const clinicId of [world.abroad.clinic.id, NOBODY]) {
        await expect(book(request, { patientId: world.here.patient.id, clinicId })).rejects.toMatchObject({
          code: "NTFND",
          column: "clinic_id",
          message: "There is no such provider in this clinic.",
        });
      }
    }));

  it("can enter a walk-in of the last 30 days, and denies to book or move to an earlier time", () =>
    db.asUser(world.here.provider, async (request) => {
      const at = "now() - $2::interval, now() - $2::interval + interval '1 hour'";
      const bookAgo = `select * from app_public.book_appointment($1, ${at})`;
      const { id } = world.here.patient;
      expect(await request.attempt(bookAgo, [id, "29 days"])).toBe(1);
      const refused = { code: "BADIN", column: "starts_at" };
      for (const ago of ["31 days", "36 years"]) {
        await expect(request.attempt(bookAgo, [id, ago])).rejects.toMatchObject(refused);
      }
      const [booked] = await request.rows("select id from app_public.appointments where starts_at < now()");
      const moveAgo = `select * from app_public.reschedule_appointment($1, ${at})`;
      expect(await request.attempt(moveAgo, [booked?.id, "28 days"])).toBe(1);
      await expect(request.attempt(moveAgo, [booked?.id, "31 days"])).rejects.toMatchObject(refused);
    }));

  it("denies one of more than seven days, and says which end is wrong", () =>
    db.asUser(world.here.provider, async (request) => {
      const bookFor = `select * from app_public.book_appointment($1, now(), now() + $2::interval)`;
      expect(await request.attempt(bookFor, [world.here.patient.id, "7 days"])).toBe(1);
      await expect(request.attempt(bookFor, [world.here.patient.id, "109 years"])).rejects.toMatchObject({
        code: "BADIN",
        column: "ends_at",
      });
    }));

  it.each([
    ["ends before it starts", "10:00", "09:00"],
    ["has no length", "10:00", "10:00"],
  ])("denies one that %s", (_title, from, to) =>
    db.asUser(world.here.provider, (request) =>
      expect(book(request, { patientId: world.here.patient.id, from, to })).rejects.toMatchObject({
        code: "BADIN",
      }),
    ),
  );

  it("denies an archived patient", async () => {
    const archived = await createPatient(db.superuser, world.here.clinic);
    await db.asUser(world.here.provider, async (request) => {
      await request.attempt("select * from app_public.archive_patient($1)", [archived.id]);
      await expect(book(request, { patientId: archived.id })).rejects.toMatchObject({ code: "NTFND" });
    });
  });
});

describe("overlap", () => {
  it("denies a second appointment in the provider's time, and allows one that follows at once", () =>
    db.asUser(world.here.provider, async (request) => {
      const patientId = world.here.patient.id;
      await book(request, { patientId });
      await expect(book(request, { patientId, from: "09:59", to: "10:30" })).rejects.toMatchObject({
        code: "OVRLP",
      });
      expect(await book(request, { patientId, from: "10:00", to: "10:30" })).toBe(1);
    }));

  it("denies one in another clinic of the organization, too", async () => {
    const both = await createMember(db.superuser, world.here.clinic, "provider");
    await joinClinic(db.superuser, both, world.there.clinic, "provider");
    await db.asUser(both, async (request) => {
      await book(request, { patientId: world.here.patient.id, clinicId: world.here.clinic.id });
      await expect(
        book(request, { patientId: world.there.patient.id, clinicId: world.there.clinic.id }),
      ).rejects.toMatchObject({ code: "OVRLP" });
    });
  });

  it("frees the time when the appointment is cancelled, and denies moving it back", () =>
    db.asUser(world.here.provider, async (request) => {
      const patientId = world.here.patient.id;
      await book(request, { patientId });
      const id = await request.value("select id from app_public.appointments where starts_at > '2031-01-01'");
      await request.attempt("select * from app_public.cancel_appointment($1, 'ill')", [id]);
      expect(await book(request, { patientId })).toBe(1);
      await expect(
        request.attempt("update app_public.appointments set status = 'booked' where id = $1", [id]),
      ).rejects.toMatchObject({ code: "CNFLT" });
    }));

  it("lets exactly one of two people book the same time at once", async () => {
    const provider = await createMember(db.superuser, world.here.clinic, "provider");
    const insert = () =>
      createAppointment(
        db.superuser,
        world.here.clinic,
        world.here.patient,
        provider,
        "[2032-01-01, 2032-01-02)",
      );
    const outcomes = await Promise.allSettled([insert(), insert()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });
});

describe.each([
  [
    "reschedule_appointment",
    "app_public.reschedule_appointment($1, '2033-01-01 09:00Z', '2033-01-01 10:00Z')",
  ],
  ["cancel_appointment", "app_public.cancel_appointment($1)"],
])("%s", (_name, call) => {
  it.each(["staff", "provider", "clinicAdmin"] as const)("can be called by the clinic's %s", (kind) =>
    db.asUser(world.here[kind], async (request) => {
      expect(await request.attempt(`select * from ${call}`, [world.here.appointment.id])).toBe(1);
    }),
  );

  it("answers a viewer, a stranger and somebody with a made-up id alike", async () => {
    const { here, there, abroad, owner } = world;
    for (const [actor, id] of [
      [here.viewer, here.appointment.id],
      [there.provider, here.appointment.id],
      [abroad.provider, here.appointment.id],
      [owner, here.appointment.id],
      [here.provider, NOBODY],
    ] as const) {
      await db.asUser(actor, (request) =>
        expect(request.attempt(`select * from ${call}`, [id])).rejects.toMatchObject({
          code: "NTFND",
          message: "There is no such appointment.",
        }),
      );
    }
  });
});
