import { beforeAll, describe, expect, it } from "@jest/globals";

import { joinOrganization } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const setPlan = (organizationId: string, plan: string, status = "active") =>
  db.superuser.query(
    "update app_public.subscriptions set plan = $2::app_public.subscription_plan, status = $3 where organization_id = $1",
    [organizationId, plan, status],
  );

const setFlag = (organizationId: string, key: string, enabled: boolean) =>
  db.superuser.query(
    `insert into app_public.organization_feature_flags (organization_id, flag_key, enabled) values ($1, $2, $3)
     on conflict (organization_id, flag_key) do update set enabled = excluded.enabled`,
    [organizationId, key, enabled],
  );

const has = (request: Request, key: string) => request.value("select app_public.has_feature($1)", [key]);

const features = (request: Request) =>
  request
    .rows<{ feature: string }>(
      "select f as feature from app_public.viewer() v, app_public.users_features(v) f",
    )
    .then((rows) => rows.map(({ feature }) => feature));

describe("has_feature", () => {
  it.each([
    ["free", "active", []],
    ["starter", "active", ["integrations"]],
    ["pro", "trialing", ["integrations", "scheduled_sync"]],
    ["enterprise", "past_due", ["integrations", "scheduled_sync"]],
    ["enterprise", "canceled", []],
    ["enterprise", "unpaid", []],
  ])("on plan %s (%s) is true of %j", async (plan, status, expected) => {
    await setPlan(world.own, plan, status);
    await db.asUser(world.here.staff, async (request) => {
      expect(await features(request)).toEqual(expected);
      for (const key of ["integrations", "scheduled_sync"]) {
        expect(await has(request, key)).toBe(expected.includes(key));
      }
    });
  });

  it("is false for a feature that nobody knows", () =>
    db.asUser(world.owner, async (request) => expect(await has(request, "teleportation")).toBe(false)));

  it("follows what was switched for the organization itself, both ways", async () => {
    await setPlan(world.own, "starter");
    await setFlag(world.own, "integrations", false);
    await setFlag(world.own, "scheduled_sync", true);
    await db.asUser(world.owner, async (request) =>
      expect(await features(request)).toEqual(["scheduled_sync"]),
    );
    await db.superuser.query("delete from app_public.organization_feature_flags");
  });

  it("leaves what was switched for one organization of the caller's to that one", async () => {
    await setPlan(world.own, "pro");
    await setPlan(world.foreign, "pro");
    await setFlag(world.own, "integrations", false);
    await joinOrganization(db.superuser, world.stranger, world.own);
    await joinOrganization(db.superuser, world.stranger, world.foreign);
    const inOrganizations = await db.asUser(world.stranger, (request) =>
      request.rows<{ id: string }>("select app_hidden.organization_ids_with_feature('integrations') as id"),
    );
    expect(inOrganizations).toEqual([{ id: world.foreign }]);
    await db.superuser.query("delete from app_public.organization_feature_flags");
    await db.superuser.query("delete from app_public.organization_memberships where user_id = $1", [
      world.stranger.userId,
    ]);
  });

  it("is false on every plan for a feature that is off unless it is switched for an organization", async () => {
    await setPlan(world.own, "enterprise");
    await db.superuser.query("update app_public.feature_flag_definitions set default_enabled = $1", [false]);
    await db.asUser(world.owner, async (request) => expect(await features(request)).toEqual([]));
    await setFlag(world.own, "scheduled_sync", true);
    await db.asUser(world.owner, async (request) =>
      expect(await features(request)).toEqual(["scheduled_sync"]),
    );
    await db.superuser.query("update app_public.feature_flag_definitions set default_enabled = $1", [true]);
    await db.superuser.query("delete from app_public.organization_feature_flags");
  });

  it("says nothing of an organization that is not the caller's", async () => {
    await setPlan(world.foreign, "enterprise");
    await setPlan(world.own, "free");
    await db.asUser(world.owner, async (request) => {
      const foreign = "select app_public.has_feature('integrations', $1)";
      expect(await request.value(foreign, [world.foreign])).toBe(false);
      expect(await request.value(foreign, ["00000000-0000-7000-8000-000000000009"])).toBe(false);
    });
    await db.asUser(world.stranger, async (request) => {
      expect(await features(request)).toEqual([]);
      expect(await has(request, "integrations")).toBe(false);
    });
  });

  it("is about the active organization of somebody who has two", async () => {
    await setPlan(world.own, "free");
    await setPlan(world.foreign, "pro");
    const person = world.stranger;
    await joinOrganization(db.superuser, person, world.own);
    await joinOrganization(db.superuser, person, world.foreign);
    const inOrganization = (organizationId?: string) => db.asUser(person, features, { organizationId });
    expect(await inOrganization(world.own)).toEqual([]);
    expect(await inOrganization(world.foreign)).toEqual(["integrations", "scheduled_sync"]);
    expect(await inOrganization()).toEqual([]);
    await db.superuser.query("delete from app_public.organization_memberships where user_id = $1", [
      person.userId,
    ]);
  });

  it("cannot be asked without a token", () =>
    db.asAnonymous((request) =>
      expect(request.attempt("select app_public.has_feature('integrations', null)")).rejects.toMatchObject({
        code: "42501",
      }),
    ));
});

describe("a change of the plan", () => {
  it("is felt by the next statement of the same transaction, in policies too", async () => {
    await setPlan(world.own, "free");
    const { here, own } = world;
    await db.inTransaction(async (client) => {
      const connect = async () => {
        await client.query("savepoint attempt");
        await client.query("select set_config('jwt.claims.sub', $1, true)", [world.owner.userId]);
        await client.query("set local role app_user");
        const added = await client
          .query(
            `insert into app_public.integrations (organization_id, clinic_id, provider, name)
             values ($1, $2, 'google_sheets', 'Figures')`,
            [own, here.clinic.id],
          )
          .then(
            ({ rowCount }) => rowCount,
            (error: { code: string }) => error.code,
          );
        await client.query("rollback to savepoint attempt");
        return added;
      };
      const setTo = (plan: string) =>
        client.query(`update app_public.subscriptions set plan = '${plan}' where organization_id = $1`, [
          own,
        ]);
      expect(await connect()).toBe("42501");
      await setTo("starter");
      expect(await connect()).toBe(1);
      await setTo("free");
      expect(await connect()).toBe("42501");
    });
  });
});

describe("the definitions of features", () => {
  const keys = "select key from app_public.feature_flag_definitions order by key";

  it("can be read by everybody who is signed in", async () => {
    for (const person of [world.stranger, world.portal, world.here.viewer, world.superadmin]) {
      await db.asUser(person, async (request) =>
        expect(await request.rows(keys)).toEqual([{ key: "integrations" }, { key: "scheduled_sync" }]),
      );
    }
  });

  it("cannot be read without a token", () =>
    db.asAnonymous((request) => expect(request.attempt(keys)).rejects.toMatchObject({ code: "42501" })));

  it("are not touched by the owner of the tables, whom row security holds too", () =>
    db.asOwner(async (request) => {
      expect(
        await request.attempt("update app_public.feature_flag_definitions set minimum_plan = null"),
      ).toBe(0);
      await expect(
        request.attempt(
          "insert into app_public.feature_flag_definitions (key, name, description) values ('x', 'X', '')",
        ),
      ).rejects.toMatchObject({ code: "42501" });
    }));
});
