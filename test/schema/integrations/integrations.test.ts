import { beforeAll, describe, expect, it } from "@jest/globals";

import type { Person } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Scope, useTestDatabase } from "../../support/database.ts";

const DENIED = { code: "42501" };
const db = useTestDatabase();
let world: World;
let integrationId: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await setPlan("starter");
  const { rows } = await db.superuser.query<{ id: string }>(
    `insert into app_public.integrations (organization_id, clinic_id, provider, name)
     values ($1, $2, 'google_sheets', 'Figures') returning id`,
    [world.own, world.here.clinic.id],
  );
  integrationId = rows[0]?.id ?? "";
  await db.superuser.query(
    "insert into app_public.integration_sync_runs (organization_id, clinic_id, integration_id) values ($1, $2, $3)",
    [world.own, world.here.clinic.id, integrationId],
  );
});

const setPlan = (plan: string) => db.superuser.query("update app_public.subscriptions set plan = $1", [plan]);

/** With what their request says besides who it comes from. */
type Who = readonly [string, () => Person, Scope];

const RUNNING: readonly Who[] = [
  ["clinic administrator", () => world.here.clinicAdmin, {}],
  ["owner", () => world.owner, {}],
  ["admin", () => world.admin, {}],
];
const WORKING: readonly Who[] = [
  ["provider", () => world.here.provider, {}],
  ["staff", () => world.here.staff, {}],
  ["viewer", () => world.here.viewer, {}],
  ["superadmin with a purpose", () => world.superadmin, { purposeOfUse: "support" }],
];
const OUTSIDE: readonly Who[] = [
  ["superadmin without a purpose", () => world.superadmin, {}],
  ["patient", () => world.portal, {}],
  ["other clinic's administrator", () => world.there.clinicAdmin, {}],
  ["other organization's administrator", () => world.abroad.clinicAdmin, {}],
  ["stranger", () => world.stranger, {}],
];

const INSERT = `insert into app_public.integrations (organization_id, clinic_id, provider, name)
  values ($1, $2, 'google_sheets', 'New')`;
const newIntegration = () => [world.own, world.here.clinic.id];

describe("integrations and their runs", () => {
  const counts = `select (select count(id)::int from app_public.integrations) as integrations,
    (select count(id)::int from app_public.integration_sync_runs) as runs`;

  it.each([...RUNNING, ...WORKING])("can be read by the clinic's %s", async (_who, person, scope) => {
    const seen = await db.asUser(person(), (request) => request.rows(counts), scope);
    expect(seen).toEqual([{ integrations: 1, runs: 1 }]);
  });

  it.each(OUTSIDE)("cannot be read by the %s", async (_who, person, scope) => {
    const seen = await db.asUser(person(), (request) => request.rows(counts), scope);
    expect(seen).toEqual([{ integrations: 0, runs: 0 }]);
  });

  it("cannot be read without a token", () =>
    db.asAnonymous((request) => expect(request.attempt(counts)).rejects.toMatchObject(DENIED)));

  it.each(RUNNING)("can be added, changed and removed by the %s", (_who, person) =>
    db.asUser(person(), async (request) => {
      expect(await request.attempt(`${INSERT} returning id`, newIntegration())).toBe(1);
      const one = [integrationId];
      expect(
        await request.attempt("update app_public.integrations set active = false where id = $1", one),
      ).toBe(1);
      expect(await request.attempt("delete from app_public.integrations where id = $1", one)).toBe(1);
      expect(await request.rows(counts)).toEqual([{ integrations: 1, runs: 0 }]);
    }),
  );

  it.each([...WORKING, ...OUTSIDE])("cannot be added, changed or removed by the %s", (_who, person, scope) =>
    db.asUser(
      person(),
      async (request) => {
        await expect(request.attempt(INSERT, newIntegration())).rejects.toMatchObject(DENIED);
        expect(await request.attempt("update app_public.integrations set active = false")).toBe(0);
        expect(await request.attempt("delete from app_public.integrations")).toBe(0);
      },
      scope,
    ),
  );

  it.each([
    "update app_public.integrations set clinic_id = gen_random_uuid()",
    "update app_public.integrations set organization_id = gen_random_uuid()",
    "update app_public.integrations set provider = 'google_calendar'",
    "update app_public.integrations set connected_at = now()",
    "insert into app_public.integration_sync_runs (organization_id, clinic_id, integration_id) values (null, null, null)",
    "update app_public.integration_sync_runs set rows_read = 1",
    "delete from app_public.integration_sync_runs",
  ])("deny the owner: %s", (sql) =>
    db.asUser(world.owner, (request) => expect(request.attempt(sql)).rejects.toMatchObject(DENIED)),
  );

  it("cannot be put into a clinic of another organization, not even by the tables' owner's rights", () =>
    expect(db.superuser.query(INSERT, [world.own, world.abroad.clinic.id])).rejects.toMatchObject({
      code: "23503",
    }));
});

describe("the plan", () => {
  it("decides whether an integration can be added; one that is there can still be changed and removed", async () => {
    await setPlan("free");
    await db.asUser(world.owner, async (request) => {
      await expect(request.attempt(INSERT, newIntegration())).rejects.toMatchObject(DENIED);
      expect(await request.attempt("update app_public.integrations set active = false")).toBe(1);
      expect(await request.attempt("delete from app_public.integrations")).toBe(1);
    });
    await setPlan("starter");
    await db.asUser(world.owner, async (request) =>
      expect(await request.attempt(INSERT, newIntegration())).toBe(1),
    );
  });

  it("of another organization does not help", async () => {
    await db.superuser.query("update app_public.subscriptions set plan = 'free' where organization_id = $1", [
      world.own,
    ]);
    await db.asUser(world.owner, (request) =>
      expect(request.attempt(INSERT, newIntegration())).rejects.toMatchObject(DENIED),
    );
    await setPlan("starter");
  });

  it("decides whether an integration syncs by itself", async () => {
    const daily = "update app_public.integrations set schedule = 'daily'";
    const hourly = `insert into app_public.integrations (organization_id, clinic_id, provider, name, schedule)
      values ($1, $2, 'google_sheets', 'New', 'hourly')`;
    await db.asUser(world.owner, async (request) => {
      await expect(request.attempt(daily)).rejects.toMatchObject(DENIED);
      await expect(request.attempt(hourly, newIntegration())).rejects.toMatchObject(DENIED);
    });
    await setPlan("pro");
    await db.asUser(world.owner, async (request) => {
      expect(await request.attempt(daily)).toBe(1);
      expect(await request.attempt(hourly, newIntegration())).toBe(1);
    });
    await setPlan("starter");
  });
});

describe("the worker", () => {
  it("runs one sync of an integration at a time, and writes how it ended, once", () =>
    db.asWorker(world.own, async (request) => {
      const start =
        "insert into app_public.integration_sync_runs (organization_id, clinic_id, integration_id) values ($1, $2, $3)";
      const end = `update app_public.integration_sync_runs
        set status = 'succeeded', finished_at = now(), rows_read = 3 where status = 'running'`;
      const values = [world.own, world.here.clinic.id, integrationId];
      await expect(request.attempt(start, values)).rejects.toMatchObject({ code: "23505" });
      expect(await request.attempt(end)).toBe(1);
      expect(await request.attempt("update app_public.integration_sync_runs set rows_read = 4")).toBe(0);
      expect(await request.attempt(start, values)).toBe(1);
    }));

  it("sees nothing of an organization that its job is not about", () =>
    db.asWorker(world.foreign, async (request) => {
      expect(await request.attempt("select id from app_public.integrations")).toBe(0);
      expect(await request.attempt("select id from app_public.integration_sync_runs")).toBe(0);
    }));
});
