import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

/** What explain_access() takes of a row, before it is judged: nothing of it ever reaches who asked. */
const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

/** The columns that are looked at for the owner; null when the row is not there for them. */
const columnsOf = (table: string, id: string, arrange = "select") =>
  db.inTransaction(async (client: ClientBase) => {
    await client.query(arrange);
    await applySettings(client, { ...requestSettings(world.owner), role: "none" });
    const { rows } = await client.query<{ row: Record<string, unknown> | null }>(
      "select app_hidden.explained_row($1, $2) as row",
      [table, id],
    );
    const row = rows[0]?.row;
    return row ? Object.keys(row).sort() : null;
  });

const OF_PATIENTS = ["home_clinic_id", "id", "organization_id", "portal_user_id"];

describe("explained_row", () => {
  it("takes what the table's own policies compare, and no name and no number of a patient", async () => {
    expect(await columnsOf("app_public.patients", world.here.patient.id)).toEqual(OF_PATIENTS);
    expect(await columnsOf("app_public.clinics", world.here.clinic.id)).toEqual(["id", "organization_id"]);
  });

  it("takes no more because another table's policy compares it", async () => {
    const elsewhere = `create policy elsewhere on app_public.clinics for select to app_owner
      using (exists (select from app_public.patients p where p.mrn = name))`;
    expect(await columnsOf("app_public.patients", world.here.patient.id, elsewhere)).toEqual(OF_PATIENTS);
    const here = "create policy here on app_public.patients for select to app_owner using (mrn = 'x')";
    expect(await columnsOf("app_public.patients", world.here.patient.id, here)).toEqual(
      [...OF_PATIENTS, "mrn"].sort(),
    );
  });

  it("takes nothing of a row of another organization", async () => {
    expect(await columnsOf("app_public.patients", world.abroad.patient.id)).toBeNull();
  });

  it("takes nothing of a table that is no tenant's, or whose rows have no id", async () => {
    const { userId } = world.owner;
    expect(await columnsOf("app_public.users", userId)).toBeNull();
    const plain = `create table app_public.plain (organization_id uuid);
      select app_private.allow_explaining('app_public.plain')`;
    expect(await columnsOf("app_public.plain", userId, plain)).toBeNull();
  });

  it("takes nothing of a table that is not opened to explanations, though it may be read", async () => {
    const closed = "drop policy select_explained on app_public.clinics";
    expect(await columnsOf("app_public.clinics", world.here.clinic.id, closed)).toBeNull();
    const renamed = "alter policy select_explained on app_public.clinics rename to something_else";
    expect(await columnsOf("app_public.clinics", world.here.clinic.id, renamed)).toBeNull();
  });
});
