import { beforeAll, describe, expect, it } from "@jest/globals";

import { furnishMetrics } from "../../../src/access/world/furnish/metrics.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Scope, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await furnishMetrics(db, world);
});

describe("a request that names a clinic", () => {
  it("sees the figures of that clinic and no totals", () =>
    db.asUser(
      world.owner,
      async (request) => {
        expect(
          await request.value("select count(distinct scope_id)::int from app_public.metric_aggregations"),
        ).toBe(1);
        expect(await request.value("select count(*)::int from app_public.goals")).toBe(1);
      },
      { clinicId: world.here.clinic.id },
    ));
});

describe("a superadmin", () => {
  const clinics = (scope: Scope) =>
    db.asUser(
      world.superadmin,
      async ({ rows }) =>
        (await rows<{ id: string }>("select app_hidden.metric_clinic_ids() as id"))
          .map(({ id }) => id)
          .sort(),
      scope,
    );

  it("sees the figures of the clinics of all organizations, of the one that is named, or of one clinic", async () => {
    const { own, here, there, abroad } = world;
    const [ours, theirs] = [[here.clinic.id, there.clinic.id], abroad.clinic.id];
    expect(await clinics({})).toEqual([...ours, theirs].sort());
    expect(await clinics({ organizationId: own })).toEqual(ours.toSorted());
    expect(await clinics({ clinicId: here.clinic.id })).toEqual([here.clinic.id]);
  });
});
