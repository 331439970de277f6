import { beforeAll, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

/** As the API asks for a computed field: with the whole row. */
const ADMINISTERED = `
  select o.id, app_public.organizations_viewer_can_administer(o) as administered from app_public.organizations o`;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

it("tells an owner that they can administer their organization, and only that one", async () => {
  const rows = await db.asUser(world.owner, (request) => request.rows(ADMINISTERED));
  expect(rows).toEqual([{ id: world.own, administered: true }]);
});

it("tells a provider that they cannot", async () => {
  const rows = await db.asUser(world.here.provider, (request) => request.rows(ADMINISTERED));
  expect(rows).toEqual([{ id: world.own, administered: false }]);
});
