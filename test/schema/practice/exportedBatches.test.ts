import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;
/** Both are being written for the same person. */
let exportIds: string[];

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const { clinic, provider } = world.here;
  const { rows } = await db.superuser.query<{ id: string }>(
    `insert into app_public.export_requests (organization_id, clinic_id, kind, status, created_by)
     select $1, $2, 'patients', 'running', $3 from generate_series(1, 2)
     returning id`,
    [world.own, clinic.id, provider.userId],
  );
  exportIds = rows.map(({ id }) => id);
});

/** The events of exports after a batch of one patient was put on record by somebody. */
const whenRecorded = (person: World["owner"], columns: readonly string[]) =>
  db.asUser(person, async ({ client, value }) => {
    await value("select app_hidden.record_exported_batch($1, $2, array[$3::uuid], 1)", [
      exportIds[0],
      columns,
      world.here.patient.id,
    ]);
    await client.query("commit");
    const { rows: events } = await db.superuser.query(
      "select row_id, changed_fields, patient_ids from app_audit.events where row_id = any ($1) and command = 'SELECT'",
      [exportIds],
    );
    return events;
  });

describe("a batch of an export", () => {
  it("is put on record by nobody but whose export it is", async () =>
    expect(await whenRecorded(world.here.staff, ["given_name"])).toEqual([]));

  it("is on record for that export, with the columns of the file that are a patient's and no others", async () =>
    expect(await whenRecorded(world.here.provider, ["id", "given_name"])).toEqual([
      {
        row_id: exportIds[0],
        changed_fields: ["app_public.patients.given_name"],
        patient_ids: [world.here.patient.id],
      },
    ]));
});
