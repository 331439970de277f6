import { beforeAll, describe, expect, it } from "@jest/globals";

import { furnishMetrics } from "../../../src/access/world/furnish/metrics.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

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
