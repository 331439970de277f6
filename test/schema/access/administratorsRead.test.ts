import { beforeAll, describe, expect, it } from "@jest/globals";

import { createAdministrator, type Person } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Actor, type Scope, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;
let foreignOwner: Person;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  foreignOwner = await createAdministrator(db.superuser, world.foreign, "owner");
});

const letAdministratorsRead = (isAllowed: boolean) =>
  db.superuser.query("update app_public.organizations set administrators_read_clinical = $1 where id = $2", [
    isAllowed,
    world.own,
  ]);

const readableFor = (actor: Actor, scope?: Scope) =>
  db.asUser(
    actor,
    async (request) =>
      (await request.rows<{ id: string }>("select id from app_hidden.readable_clinic_ids() as id")).map(
        ({ id }) => id,
      ),
    scope,
  );

describe("readable_clinic_ids, where an organization lets its administrators read clinical records", () => {
  beforeAll(() => letAdministratorsRead(true));

  it("is every clinic of it for its administrators, and the one that a request names", async () => {
    const { owner, admin, here, there } = world;
    for (const actor of [owner, admin]) {
      expect(new Set(await readableFor(actor))).toEqual(new Set([here.clinic.id, there.clinic.id]));
      expect(await readableFor(actor, { clinicId: here.clinic.id })).toEqual([here.clinic.id]);
    }
  });

  it("is no more for everybody else, and for who administers another one", async () => {
    const { here, abroad, stranger, portal, superadmin } = world;
    for (const actor of [here.provider, here.clinicAdmin, here.viewer]) {
      expect(await readableFor(actor)).toEqual([here.clinic.id]);
    }
    expect(await readableFor(abroad.provider)).toEqual([abroad.clinic.id]);
    for (const actor of [foreignOwner, stranger, portal, superadmin]) {
      expect(await readableFor(actor)).toEqual([]);
    }
  });

  it("is nothing for its administrators when it lets them no longer", async () => {
    await letAdministratorsRead(false);
    expect(await readableFor(world.owner)).toEqual([]);
  });
});
