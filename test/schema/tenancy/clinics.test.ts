import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const OPEN = "insert into app_public.clinics (organization_id, name) values ($1, 'New') returning name";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

describe("a new clinic", () => {
  // The functions that answer with ids know of it from the next statement on.
  it.each(["owner", "admin"] as const)("is shown by the statement of the %s that opens it", (who) =>
    db.asUser(world[who], async (request) => {
      expect(await request.rows(OPEN, [world.own])).toEqual([{ name: "New" }]);
    }),
  );

  it("is opened by nobody who runs only a clinic, nor in another organization", async () => {
    const denied = { code: "42501" };
    await db.asUser(world.here.clinicAdmin, (request) =>
      expect(request.attempt(OPEN, [world.own])).rejects.toMatchObject(denied),
    );
    await db.asUser(world.owner, (request) =>
      expect(request.attempt(OPEN, [world.foreign])).rejects.toMatchObject(denied),
    );
  });
});
