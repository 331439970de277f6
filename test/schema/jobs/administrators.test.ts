import { beforeAll, describe, expect, it } from "@jest/globals";

import { createAdministrator } from "../../../src/access/world/people.ts";
import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const SQL = "select user_id as id from app_hidden.administrators_of_job() order by 1";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

describe("administrators_of_job", () => {
  it("names to a job who runs its organization, and nobody who did, or runs another", async () => {
    const elsewhere = await createAdministrator(db.superuser, world.foreign, "owner");
    const left = await createAdministrator(db.superuser, world.own, "admin");
    await db.superuser.query(
      "update app_public.organization_memberships set active = false where user_id = $1",
      [left.userId],
    );
    await db.asWorker(world.own, async (request) => {
      const ids = (await request.rows<{ id: string }>(SQL)).map(({ id }) => id);
      expect(ids).toEqual([world.admin.userId, world.owner.userId].sort());
      expect(ids).not.toContain(elsewhere.userId);
    });
  });

  it("names nobody else where more memberships are seen, because seats are counted in the same transaction", async () => {
    for (const counted of [world.own, world.foreign]) {
      await db.asWorker(world.own, async (request) => {
        await request.rows("select set_config('app.seat_scope', $1, true)", [counted]);
        const ids = (await request.rows<{ id: string }>(SQL)).map(({ id }) => id);
        expect(ids).toEqual([world.admin.userId, world.owner.userId].sort());
      });
    }
  });

  it("names nobody to a person who could call it, not even themselves", () =>
    db.inTransaction(async (client) => {
      await client.query("grant execute on function app_hidden.administrators_of_job() to app_user");
      await applySettings(client, requestSettings(world.owner, { organizationId: world.own }));
      expect((await client.query(SQL)).rows).toEqual([]);
    }));

  it("names nobody to a job of no organization", () =>
    db.asWorker("00000000-0000-7000-8000-000000000009", async (request) => {
      expect(await request.rows(SQL)).toEqual([]);
    }));

  it("is not for people", () =>
    db.asUser(world.owner, (request) => expect(request.rows(SQL)).rejects.toMatchObject({ code: "42501" })));
});
