import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query(
    `insert into app_private.job_effects (organization_id, effect_key)
     values ($1, 'own'), ($2, 'foreign'), (null, 'nobody''s')`,
    [world.own, world.foreign],
  );
});

/** Which of the keys have taken effect, as a job finds it that is about this organization. */
const taken = (organizationId: string) =>
  db.asWorker(organizationId, async ({ value }) => {
    const keys = ["own", "foreign", "nobody's", "another"];
    const found: string[] = [];
    for (const key of keys) {
      if (await value("select app_hidden.has_taken_effect($1)", [key])) {
        found.push(key);
      }
    }
    return found;
  });

describe("an effect's key", () => {
  it("is known to the jobs of its organization, and to no other's", async () => {
    expect(await taken(world.own)).toEqual(["own"]);
    expect(await taken(world.foreign)).toEqual(["foreign"]);
  });

  it("that is of no organization is known to the jobs that are of none", async () =>
    expect(await taken("")).toEqual(["nobody's"]));
});
