import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

describe("a superadmin", () => {
  it("writes no template of a tenant, not even as a member of none", () =>
    db.asUser(world.superadmin, (request) =>
      expect(
        request.rows("select app_public.save_session_template('Mine', 'x', $1, $2)", [
          world.own,
          world.here.clinic.id,
        ]),
      ).rejects.toMatchObject({ code: "42501" }),
    ));
});
