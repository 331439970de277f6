import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const INSERT = `insert into app_public.patients
  (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, death_date, email, phone)
  values ($1, $2, 'values-1', 'A', 'B', coalesce($3::date, '1990-01-01'), $4, $5, $6)`;

interface Values {
  birth_date?: string;
  death_date?: string;
  email?: string;
  phone?: string;
}

const insert = ({ birth_date, death_date, email, phone }: Values) =>
  db.asUser(world.here.staff, (request) =>
    request.attempt(INSERT, [world.own, world.here.clinic.id, birth_date, death_date, email, phone]),
  );
const update = (column: string, value: string) =>
  db.asUser(world.here.staff, (request) =>
    request.attempt(`update app_public.patients set ${column} = $1 where id = $2`, [
      value,
      world.here.patient.id,
    ]),
  );

describe.each([
  ["birth_date", ["1880-01-01", "2024-02-29"], ["2999-01-01", "0001-01-01", "1879-12-31", "infinity"]],
  ["death_date", ["2024-02-29"], ["2999-01-01", "infinity"]],
  [
    "email",
    ["Ann.Lee+clinic@example.com"],
    ["not an email", "ann@", "@example.com", `${"a".repeat(250)}@b.ca`],
  ],
  [
    "phone",
    ["555-0199", "+1 (416) 555-0199", "416.555.0199 ext. 12", "911"],
    ["hello", "", "12", "+", "555-0199 ask for Ann", "1".repeat(40)],
  ],
] as const)("a patient's %s", (column, meant, impossible) => {
  it.each(meant)("can be '%s'", async (value) => {
    expect(await insert({ [column]: value })).toBe(1);
    expect(await update(column, value)).toBe(1);
  });

  it.each(impossible)("cannot be '%s'", async (value) => {
    const refused = { code: "BADIN", column };
    await expect(insert({ [column]: value })).rejects.toMatchObject(refused);
    await expect(update(column, value)).rejects.toMatchObject(refused);
  });
});

it("a patient born today can be registered where today has begun already", async () => {
  const { rows } = await db.superuser.query("select (current_date + 1)::text as day");
  expect(await insert({ birth_date: rows[0].day })).toBe(1);
});

it("what was written before the rule does not keep the rest of the record from being changed", async () => {
  const { id } = world.there.patient;
  await db.superuser.query("alter table app_public.patients disable trigger _300_phone");
  await db.superuser.query("update app_public.patients set phone = 'ask Ann' where id = $1", [id]);
  await db.superuser.query("alter table app_public.patients enable trigger _300_phone");
  await db.asUser(world.there.staff, async (request) => {
    expect(await request.attempt("update app_public.patients set city = 'Oslo' where id = $1", [id])).toBe(1);
    await expect(
      request.attempt("update app_public.patients set phone = 'ask Bob' where id = $1", [id]),
    ).rejects.toMatchObject({ code: "BADIN" });
  });
});
