import type { TestDatabase } from "../../../support/database.ts";
import { createWorld, type World } from "../../../support/world.ts";
import { BILLING } from "./billing.ts";
import { CLINICAL } from "./clinical.ts";
import { GRANTS } from "./grants.ts";
import { IDENTITY } from "./identity.ts";
import { INTEGRATIONS } from "./integrations.ts";
import { METRICS } from "./metrics.ts";
import { OPERATIONS } from "./operations.ts";
import { PRACTICE } from "./practice.ts";
import { TENANCY } from "./tenancy.ts";
import { VAULT } from "./vault.ts";

/** In an order in which each can build on what those before it have put into the world. */
export const PARTS = [
  IDENTITY,
  TENANCY,
  CLINICAL,
  PRACTICE,
  METRICS,
  BILLING,
  INTEGRATIONS,
  GRANTS,
  OPERATIONS,
  VAULT,
];

/** The world with rows in every table of the API. */
export async function createFullWorld(db: TestDatabase): Promise<World> {
  const world = await createWorld(db.superuser);
  for (const { furnish } of PARTS) {
    await furnish?.(db, world);
  }
  return world;
}
