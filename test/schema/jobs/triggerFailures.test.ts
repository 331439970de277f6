import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

/** A rule that only advises, as one is to be written: its own failure does not hold up the write. */
const ADVISE = `
create function app_private.tg_patients__advise() returns trigger as $$
begin
  perform 1 / 0;
  return null;
exception when others then
  perform app_private.record_trigger_failure(
    NEW.organization_id, '_800_advise', 'app_public.patients', NEW.id, sqlstate
  );
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';
alter function app_private.tg_patients__advise() owner to app_owner;
create trigger _800_advise after update on app_public.patients
  for each row execute function app_private.tg_patients__advise()`;
const CHANGE = "update app_public.patients set city = 'Bern' where id = $1 returning city";
const FAILURES = "select trigger_name, table_name, record_id, error_code from app_public.trigger_failures";

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query(ADVISE);
  await db.asUser(world.here.staff, async ({ client }) => {
    const { rows } = await client.query(CHANGE, [world.here.patient.id]);
    expect(rows).toEqual([{ city: "Bern" }]);
    await client.query("commit");
  });
});

describe("a rule that only advises, and fails", () => {
  it("lets the write go on, and is on record for the organization's administrators", async () => {
    for (const person of [world.owner, world.admin]) {
      await db.asUser(person, async ({ rows }) =>
        expect(await rows(FAILURES)).toEqual([
          {
            trigger_name: "_800_advise",
            table_name: "app_public.patients",
            record_id: world.here.patient.id,
            error_code: "22012",
          },
        ]),
      );
    }
    const { rows } = await db.superuser.query("select city from app_public.patients where id = $1", [
      world.here.patient.id,
    ]);
    expect(rows).toEqual([{ city: "Bern" }]);
  });

  it("is on record for nobody else", async () => {
    for (const person of [world.here.staff, world.here.clinicAdmin, world.abroad.clinicAdmin]) {
      await db.asUser(person, async ({ rows }) => expect(await rows(FAILURES)).toEqual([]));
    }
  });
});
