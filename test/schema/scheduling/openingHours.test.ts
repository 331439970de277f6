import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const BOOK = "select (app_public.book_appointment($1, $2, $3, clinic_id => $4)).id";

const database = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(database.superuser);
  await database.superuser.query(
    `update app_public.clinics set timezone = 'America/Toronto', opening_hours = '{"2": ["09:00", "17:00"]}' where id = $1`,
    [world.here.clinic.id],
  );
});

function book(startsAt: string, endsAt: string) {
  return database.asUser(world.here.provider, ({ attempt }) =>
    attempt(BOOK, [world.here.patient.id, startsAt, endsAt, world.here.clinic.id]),
  );
}

describe("opening hours", () => {
  it("can be booked inside of, in the clinic's own time zone", async () => {
    // 2026-12-01 is a Tuesday; Toronto is five hours behind.
    expect(await book("2026-12-01T14:00:00Z", "2026-12-01T14:30:00Z")).toBe(1);
    expect(await book("2026-12-01T21:30:00Z", "2026-12-01T22:00:00Z")).toBe(1);
  });

  it.each([
    ["before they begin", "2026-12-01T13:45:00Z", "2026-12-01T14:15:00Z"],
    ["beyond their end", "2026-12-01T21:45:00Z", "2026-12-01T22:15:00Z"],
    ["over night", "2026-12-01T21:00:00Z", "2026-12-02T15:00:00Z"],
    ["for a day and half an hour", "2026-12-01T14:00:00Z", "2026-12-02T14:30:00Z"],
    ["on a day without hours", "2026-12-02T15:00:00Z", "2026-12-02T15:30:00Z"],
  ])("cannot be booked %s", (_, startsAt, endsAt) =>
    expect(book(startsAt, endsAt)).rejects.toMatchObject({ code: "BADIN" }),
  );

  it.each(['{"8": ["09:00", "17:00"]}', '{"1": ["nine", "17:00"]}', '{"1": ["17:00", "09:00"]}', "[]"])(
    "cannot be set to %s",
    (hours) =>
      database.asUser(world.owner, ({ attempt }) =>
        expect(
          attempt("update app_public.clinics set opening_hours = $2 where id = $1", [
            world.here.clinic.id,
            hours,
          ]),
        ).rejects.toMatchObject({ code: "BADIN" }),
      ),
  );

  it("cannot be in a time zone that does not exist", () =>
    database.asUser(world.owner, ({ attempt }) =>
      expect(
        attempt("update app_public.clinics set timezone = 'Mars/Base' where id = $1", [world.here.clinic.id]),
      ).rejects.toMatchObject({ code: "BADIN" }),
    ));
});
