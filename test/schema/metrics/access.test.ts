import { beforeAll, describe, expect, it } from "@jest/globals";

import { useTestDatabase } from "../../support/database.ts";
import { createWorld, type World } from "../../support/world.ts";
import { METRICS } from "../access/matrix/metrics.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await METRICS.furnish?.(db, world);
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
