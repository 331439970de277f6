import { MANUAL_KEYS } from "../../../../src/access/world/furnish/metrics.ts";
import { type Kind, KINDS } from "../../../../src/access/world/kinds.ts";
import type { KindWrite } from "../../../support/kinds.ts";
import { ADMINISTRATORS, type MatrixPart, ofClinic, ofOrganization, row, RUNS_CLINIC } from "./part.ts";

const METRIC_TABLES = Object.keys(MANUAL_KEYS);
/** Known ones, of no tenant. */
const DEFINITIONS = 16;
const NOT_SIGNED_IN: readonly Kind[] = ["anonymous", "tokenHolder"];
const ENTERS_VALUES = ["clinicAdmin", "staff"] as const;

/** Rows seen by: a member of one clinic, who runs the own organization, a superadmin. Everybody else sees none. */
function seen(clinic: number, organization: number, superadmin: number): Record<Kind, number> {
  const rows = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;
  const members = [
    "clinicAdmin",
    "provider",
    "staff",
    "viewer",
    "elsewhere",
    "foreigner",
    "breakGlass",
  ] as const;
  members.forEach((kind) => (rows[kind] = clinic));
  rows.owner = rows.admin = organization;
  rows.superadmin = rows.support = superadmin;
  return rows;
}

const VALUE_WRITES = METRIC_TABLES.flatMap((table): KindWrite[] => [
  {
    title: `enter a value in ${table}`,
    sql: `insert into app_public.${table} (organization_id, clinic_id, metric_key, day, value) values ($1, $2, '${MANUAL_KEYS[table]}', '2030-02-01', 5)`,
    values: ofClinic,
    allowed: ENTERS_VALUES,
  },
  {
    title: `correct a manual value of ${table}`,
    sql: `update app_public.${table} set value = 5 where organization_id = $1 and clinic_id = $2 and source = 'manual'`,
    values: ofClinic,
    allowed: ENTERS_VALUES,
  },
  {
    title: `remove a manual value of ${table}`,
    sql: `delete from app_public.${table} where organization_id = $1 and clinic_id = $2 and source = 'manual'`,
    values: ofClinic,
    allowed: ENTERS_VALUES,
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
]);

export const METRICS: MatrixPart = {
  visible: {
    ...Object.fromEntries(METRIC_TABLES.map((table) => [`app_public.${table}`, seen(2, 4, 6)])),
    "app_public.metric_definitions": row(
      ...KINDS.map((kind) => (NOT_SIGNED_IN.includes(kind) ? 0 : DEFINITIONS)),
    ),
    // 4 tables × 2 sources × 3 periods, per clinic and per organization.
    "app_public.metric_aggregations": seen(24, 24 * 3, 24 * 5),
    "app_public.goals": seen(1, 3, 5),
    "app_public.goal_progress": seen(1, 3, 5),
    // One of here is shared with there.
    "app_public.reports": { ...seen(1, 3, 5), elsewhere: 2 },
    "app_public.goal_templates": seen(1, 1, 2),
  },
  deletable: [
    ...METRIC_TABLES.map((table) => `app_public.${table}`),
    "app_public.goals",
    "app_public.goal_templates",
  ],
  writes: [
    ...VALUE_WRITES,
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
      allowed: ADMINISTRATORS,
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
      allowed: ADMINISTRATORS,
    },
    {
      title: "make a goal template",
      sql: `insert into app_public.goal_templates (organization_id, name, area, metric_key, target)
        values ($1, 'New', 'call', 'calls_received', 10)`,
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "change a goal template",
      sql: "update app_public.goal_templates set target = 11 where organization_id = $1",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "remove a goal template",
      sql: "delete from app_public.goal_templates where organization_id = $1",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
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
      allowed: ADMINISTRATORS,
    },
  ],
  refused: [
    "insert into app_public.call_metrics (organization_id, clinic_id, metric_key, day, source, value) values (gen_random_uuid(), gen_random_uuid(), 'calls_received', '2030-01-01', 'derived', 1)",
    "update app_public.call_metrics set source = 'manual'",
    "update app_public.call_metrics set clinic_id = gen_random_uuid()",
    "insert into app_public.metric_aggregations (organization_id, area, metric_key, source, period, starts_on, sum, count) values (gen_random_uuid(), 'call', 'calls_received', 'manual', 'day', '2030-01-01', 1, 1)",
    "update app_public.metric_aggregations set sum = 0",
    "update app_public.goal_progress set sum = 0",
    "insert into app_public.metric_definitions (area, key, name, description, unit) values ('call', 'x', 'x', 'x', 'count')",
    "select app_hidden.calculate_organization_metrics(gen_random_uuid())",
    "select app_hidden.enqueue_metric_calculations()",
    "select app_hidden.measured_clinic_ids()",
  ],
};
