import { beforeAll, describe, expect, it } from "@jest/globals";

import { useTestDatabase } from "../../support/database.ts";
import { asKind, countTouched, type Kind, KINDS, type KindWrite } from "../../support/kinds.ts";
import { createWorld, type World } from "../../support/world.ts";

const METRIC_TABLES = [
  "financial_metrics",
  "appointment_metrics",
  "call_metrics",
  "patient_metrics",
] as const;
const KEYS = {
  financial_metrics: "expenses",
  appointment_metrics: "appointments_booked",
  call_metrics: "calls_received",
  patient_metrics: "patients_seen",
};

const db = useTestDatabase();
let world: World;

/** In each clinic a manual and a derived value of every table, and a goal; a goal, report and template per organization. */
beforeAll(async () => {
  world = await createWorld(db.superuser);
  for (const { clinic } of [world.here, world.there, world.abroad]) {
    const tenant = [clinic.organizationId, clinic.id];
    for (const table of METRIC_TABLES) {
      await db.superuser.query(
        `insert into app_public.${table} (organization_id, clinic_id, metric_key, day, source, value)
         values ($1, $2, $3, '2030-01-01', 'manual', 1), ($1, $2, $3, '2030-01-01', 'derived', 2)`,
        [...tenant, KEYS[table]],
      );
    }
    await db.superuser.query(
      `insert into app_public.goals (organization_id, clinic_id, name, area, metric_key, target, starts_on, ends_on)
       values ($1, $2, 'Clinic', 'call', 'calls_received', 10, '2030-01-01', '2030-01-31')`,
      tenant,
    );
    await db.superuser.query(
      `insert into app_public.reports (organization_id, clinic_id, period, starts_on, ends_on, figures)
       values ($1, $2, 'week', '2029-12-31', '2030-01-06', '[]')`,
      tenant,
    );
  }
  for (const organizationId of [world.own, world.foreign]) {
    await db.superuser.query(
      `insert into app_public.goals (organization_id, clinic_id, name, area, metric_key, target, starts_on, ends_on)
       values ($1, null, 'All', 'call', 'calls_received', 10, '2030-01-01', '2030-01-31')`,
      [organizationId],
    );
    await db.superuser.query(
      `insert into app_public.reports (organization_id, clinic_id, period, starts_on, ends_on, figures)
       values ($1, null, 'week', '2029-12-31', '2030-01-06', '[]')`,
      [organizationId],
    );
    await db.superuser.query(
      `insert into app_public.goal_templates (organization_id, name, area, metric_key, target)
       values ($1, 'Template', 'call', 'calls_received', 10)`,
      [organizationId],
    );
  }
});

/** Rows seen by: a member of one clinic, who runs the own organization, a superadmin. Everybody else sees none. */
function seen(clinic: number, organization: number, superadmin: number): Record<Kind, number> {
  const rows = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  const members = ["clinicAdmin", "provider", "staff", "viewer", "elsewhere", "foreigner"] as const;
  members.forEach((kind) => (rows[kind] = clinic));
  rows.owner = rows.admin = organization;
  rows.superadmin = rows.support = superadmin;
  return rows;
}

const VISIBLE: Record<string, Record<Kind, number>> = {
  ...Object.fromEntries(METRIC_TABLES.map((table) => [table, seen(2, 4, 6)])),
  // 4 tables × 2 sources × 3 periods, per clinic and per organization.
  metric_aggregations: seen(24, 24 * 3, 24 * 5),
  goals: seen(1, 3, 5),
  goal_progress: seen(1, 3, 5),
  reports: seen(1, 3, 5),
  goal_templates: seen(1, 1, 2),
};

const CLINIC_STAFF = ["clinicAdmin", "staff"] as const;
const RUNS_CLINIC = ["clinicAdmin", "owner", "admin"] as const;
const RUNS_ORGANIZATION = ["owner", "admin"] as const;
const ofClinic = ({ own, here }: World) => [own, here.clinic.id];
const ofOrganization = ({ own }: World) => [own];

const WRITES: readonly KindWrite[] = [
  ...METRIC_TABLES.flatMap((table): KindWrite[] => [
    {
      title: `enter a value in ${table}`,
      sql: `insert into app_public.${table} (organization_id, clinic_id, metric_key, day, value) values ($1, $2, '${KEYS[table]}', '2030-02-01', 5)`,
      values: ofClinic,
      allowed: CLINIC_STAFF,
    },
    {
      title: `correct a manual value of ${table}`,
      sql: `update app_public.${table} set value = 5 where organization_id = $1 and clinic_id = $2 and source = 'manual'`,
      values: ofClinic,
      allowed: CLINIC_STAFF,
    },
    {
      title: `remove a manual value of ${table}`,
      sql: `delete from app_public.${table} where organization_id = $1 and clinic_id = $2 and source = 'manual'`,
      values: ofClinic,
      allowed: CLINIC_STAFF,
    },
    {
      title: `change a derived value of ${table}`,
      sql: `update app_public.${table} set value = 5 where organization_id = $1 and clinic_id = $2 and source = 'derived'`,
      values: ofClinic,
      allowed: [],
    },
    {
      title: `remove a derived value of ${table}`,
      sql: `delete from app_public.${table} where organization_id = $1 and clinic_id = $2 and source = 'derived'`,
      values: ofClinic,
      allowed: [],
    },
  ]),
  {
    title: "set a clinic's goal",
    sql: `insert into app_public.goals (organization_id, clinic_id, name, area, metric_key, target, starts_on, ends_on)
      values ($1, $2, 'New', 'call', 'calls_received', 10, '2030-01-01', '2030-01-31')`,
    values: ofClinic,
    allowed: RUNS_CLINIC,
  },
  {
    title: "set an organization's goal",
    sql: `insert into app_public.goals (organization_id, name, area, metric_key, target, starts_on, ends_on)
      values ($1, 'New', 'call', 'calls_received', 10, '2030-01-01', '2030-01-31')`,
    values: ofOrganization,
    allowed: RUNS_ORGANIZATION,
  },
  {
    title: "change a clinic's goal",
    sql: "update app_public.goals set target = 11 where organization_id = $1 and clinic_id = $2",
    values: ofClinic,
    allowed: RUNS_CLINIC,
  },
  {
    title: "give up an organization's goal",
    sql: "delete from app_public.goals where organization_id = $1 and clinic_id is null",
    values: ofOrganization,
    allowed: RUNS_ORGANIZATION,
  },
  {
    title: "make a goal template",
    sql: `insert into app_public.goal_templates (organization_id, name, area, metric_key, target)
      values ($1, 'New', 'call', 'calls_received', 10)`,
    values: ofOrganization,
    allowed: RUNS_ORGANIZATION,
  },
  {
    title: "change a goal template",
    sql: "update app_public.goal_templates set target = 11 where organization_id = $1",
    values: ofOrganization,
    allowed: RUNS_ORGANIZATION,
  },
  {
    title: "remove a goal template",
    sql: "delete from app_public.goal_templates where organization_id = $1",
    values: ofOrganization,
    allowed: RUNS_ORGANIZATION,
  },
  {
    title: "make a clinic's report",
    sql: "select app_public.create_report('month', '2030-01-15', $2, $1)",
    values: ofClinic,
    allowed: RUNS_CLINIC,
  },
  {
    title: "make an organization's report",
    sql: "select app_public.create_report('month', '2030-01-15', null, $1)",
    values: ofOrganization,
    allowed: RUNS_ORGANIZATION,
  },
];

/** Nobody may do these by a request: there is no grant. */
const REFUSED = [
  "insert into app_public.call_metrics (organization_id, clinic_id, metric_key, day, source, value) values (gen_random_uuid(), gen_random_uuid(), 'calls_received', '2030-01-01', 'derived', 1)",
  "update app_public.call_metrics set source = 'manual'",
  "update app_public.call_metrics set clinic_id = gen_random_uuid()",
  "insert into app_public.metric_aggregations (organization_id, area, metric_key, source, period, starts_on, sum, count) values (gen_random_uuid(), 'call', 'calls_received', 'manual', 'day', '2030-01-01', 1, 1)",
  "update app_public.metric_aggregations set sum = 0",
  "delete from app_public.metric_aggregations",
  "update app_public.goal_progress set sum = 0",
  "insert into app_public.metric_definitions (area, key, name, description, unit) values ('call', 'x', 'x', 'x', 'count')",
  "delete from app_public.reports",
  "select app_hidden.calculate_organization_metrics(gen_random_uuid())",
  "select app_hidden.enqueue_metric_calculations()",
  "select app_hidden.measured_clinic_ids()",
];

describe.each(KINDS)("as %s", (kind) => {
  it.each(Object.entries(VISIBLE))("sees exactly its own rows of %s", async (table, counts) => {
    const count = await asKind(db, world, kind, (request) =>
      countTouched(request, `select id from app_public.${table}`),
    );
    expect(count).toBe(counts[kind]);
  });

  it.each(WRITES)("$title", async ({ sql, values, allowed }) => {
    const count = await asKind(db, world, kind, (request) => countTouched(request, sql, values(world)));
    expect(count).toBe(allowed.includes(kind) ? 1 : 0);
  });

  it.each(REFUSED)("denies %s", (sql) =>
    asKind(db, world, kind, (request) =>
      expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" }),
    ),
  );
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

describe("metric_definitions", () => {
  it("can be read by everybody who is signed in, and by nobody else", async () => {
    const read = (kind: Kind) =>
      asKind(db, world, kind, (request) =>
        countTouched(request, "select id from app_public.metric_definitions"),
      );
    expect(await read("stranger")).toBeGreaterThan(10);
    expect(await read("anonymous")).toBe(0);
  });
});
