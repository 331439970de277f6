import { beforeAll, describe, expect, it } from "@jest/globals";

import type { Person } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const DENIED = { code: "42501" };
const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query(
    "insert into app_public.organization_feature_flags (organization_id, flag_key, enabled) values ($1, 'integrations', true)",
    [world.own],
  );
});

const count = (table: string) => (request: Request) =>
  request.value(`select count(id)::int from app_public.${table}`);

const OTHERS: [string, () => Person][] = [
  ["clinic administrator", () => world.here.clinicAdmin],
  ["provider", () => world.here.provider],
  ["viewer", () => world.here.viewer],
  ["patient", () => world.portal],
  ["stranger", () => world.stranger],
  ["other organization's provider", () => world.abroad.provider],
];

describe("a subscription", () => {
  it("is there from the organization's first moment, free, with 25 seats", () =>
    db.asUser(world.stranger, async (request) => {
      await request.attempt("select from app_public.create_organization('New', 'new')");
      expect(
        await request.rows("select plan, status, effective_plan, seats from app_public.subscriptions"),
      ).toEqual([{ plan: "free", status: "active", effective_plan: "free", seats: 25 }]);
    }));

  it("can be read by the owner and by the operator, and is only the own one", async () => {
    expect(await db.asUser(world.owner, count("subscriptions"))).toBe(1);
    expect(await db.asUser(world.superadmin, count("subscriptions"))).toBe(2);
    expect(await db.asUser(world.superadmin, count("subscriptions"), { organizationId: world.own })).toBe(1);
  });

  it.each([["admin", () => world.admin] as [string, () => Person], ...OTHERS])(
    "cannot be read by the %s",
    async (_who, person) => {
      expect(await db.asUser(person(), count("subscriptions"))).toBe(0);
    },
  );

  it.each([
    "update app_public.subscriptions set plan = 'enterprise'",
    "update app_public.subscriptions set seats = 1000",
    "insert into app_public.subscriptions (organization_id) values (gen_random_uuid())",
    "delete from app_public.subscriptions",
  ])("cannot be written by anybody's request: %s", async (sql) => {
    for (const person of [world.owner, world.superadmin]) {
      await db.asUser(person, (request) => expect(request.attempt(sql)).rejects.toMatchObject(DENIED));
    }
    await db.asAnonymous((request) => expect(request.attempt(sql)).rejects.toMatchObject(DENIED));
  });

  it("can be changed by the worker for the organization of its job, and for no other", () =>
    db.asWorker(world.own, async (request) => {
      const change =
        "update app_public.subscriptions set plan = 'pro', status = 'active' where organization_id = $1";
      expect(await request.attempt(change, [world.own])).toBe(1);
      expect(await request.attempt(change, [world.foreign])).toBe(0);
      await expect(request.attempt("delete from app_public.subscriptions")).rejects.toMatchObject(DENIED);
    }));

  it("can be changed by an import that declares its organization, and for no other", () =>
    db.asData([world.own], async (request) => {
      expect(await request.attempt("update app_public.subscriptions set seats = 50")).toBe(1);
      expect(
        await request.attempt("update app_public.subscriptions set seats = 50 where organization_id = $1", [
          world.foreign,
        ]),
      ).toBe(0);
    }));

  it("is not changed by the functions that lock it", () =>
    db.inTransaction(async (client) => {
      const { rows } = await client.query<{ id: string }>(
        "select id from app_public.subscriptions where organization_id = $1",
        [world.own],
      );
      await client.query("select set_config('app.seat_scope', $1, true)", [world.own]);
      await client.query("set local role app_definer");
      await client.query(
        "select organization_id from app_public.subscriptions where organization_id = $1 for update",
        [world.own],
      );
      // With the one column that they may write, as it is: nothing but the policy refuses that.
      const change = client.query("update app_public.subscriptions set id = $2 where organization_id = $1", [
        world.own,
        rows[0]?.id,
      ]);
      await expect(change).rejects.toThrow('violates row-level security policy for table "subscriptions"');
    }));

  it("goes with its organization, and the audit stays", () =>
    db.inTransaction(async (client) => {
      const { rows } = await client.query(
        "insert into app_public.organizations (name, slug) values ('Short', 'short') returning id",
      );
      const [{ id }] = rows as [{ id: string }];
      await client.query("delete from app_public.organizations where id = $1", [id]);
      const { rows: events } = await client.query(
        "select command from app_audit.events where organization_id = $1 and table_name = 'app_public.subscriptions' order by id",
        [id],
      );
      expect(events).toEqual([{ command: "INSERT" }, { command: "DELETE" }]);
    }));
});

describe("an organization's exceptions from its plan", () => {
  const flags = count("organization_feature_flags");

  it("can be read by its administrators and the operator", async () => {
    for (const person of [world.owner, world.admin, world.superadmin]) {
      expect(await db.asUser(person, flags)).toBe(1);
    }
  });

  it.each(OTHERS)("cannot be read by the %s", async (_who, person) => {
    expect(await db.asUser(person(), flags)).toBe(0);
  });

  it.each([
    "insert into app_public.organization_feature_flags (organization_id, flag_key, enabled) values (gen_random_uuid(), 'integrations', true)",
    "update app_public.organization_feature_flags set enabled = false",
    "delete from app_public.organization_feature_flags",
    "update app_public.feature_flag_definitions set minimum_plan = null",
  ])("cannot be written by anybody's request: %s", async (sql) => {
    for (const person of [world.owner, world.superadmin]) {
      await db.asUser(person, (request) => expect(request.attempt(sql)).rejects.toMatchObject(DENIED));
    }
  });
});
