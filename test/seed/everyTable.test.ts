import { beforeAll, describe, expect, it } from "@jest/globals";

import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
beforeAll(() => seedDatabase(db));

/** Table → why the demo data have no row of it. */
const WITHOUT_ROWS: Readonly<Record<string, string>> = {
  "app_public.job_dead_letters": "says that a job failed for good, and none has",
  "app_public.trigger_failures": "says that an advisory rule failed, and none has",
  "app_vault.device_key_challenges":
    "a challenge lives for five minutes, and is gone when its device is registered",
};

const isEmpty = async (table: string) =>
  (await db.superuser.query(`select from ${table} limit 1`)).rowCount === 0;

describe("the demo data", () => {
  it("have a row of every table of the API, except where one would be a lie", async () => {
    const { rows } = await db.superuser.query<{ name: string }>(
      `select c.relnamespace::regnamespace || '.' || c.relname as name
       from pg_catalog.pg_class c
       where c.relnamespace in ('app_public'::regnamespace, 'app_vault'::regnamespace) and c.relkind in ('r', 'p')
       order by 1`,
    );
    expect(rows.length).toBeGreaterThan(40);
    const empty: string[] = [];
    for (const { name } of rows) {
      if (await isEmpty(name)) {
        empty.push(name);
      }
    }
    expect(empty).toEqual(Object.keys(WITHOUT_ROWS));
  });

  it("have templates of the three scopes, an open invitation and a break-glass that somebody else reviewed", async () => {
    const { rows } = await db.superuser.query(
      `select
         (select array_agg(distinct t.scope::text order by t.scope::text) from app_public.session_templates t) as scopes,
         (select count(*)::int from app_public.invitations i where i.accepted_at is null and i.expires_at > now()) as open,
         (select count(*)::int from app_public.break_glass_grants g where g.reviewed_by <> g.user_id) as reviewed`,
    );
    expect(rows).toEqual([{ scopes: ["clinic", "organization", "system"], open: 1, reviewed: 1 }]);
  });

  it("have plans and features that differ", async () => {
    const { rows } = await db.superuser.query(
      `select o.slug, s.effective_plan::text as plan, f.flag_key, f.enabled
       from app_public.organizations o
       join app_public.subscriptions s on s.organization_id = o.id
       left join app_public.organization_feature_flags f on f.organization_id = o.id
       order by o.slug`,
    );
    expect(rows).toEqual([
      { slug: "acme-corp", plan: "pro", flag_key: null, enabled: null },
      { slug: "tech-startup-inc", plan: "free", flag_key: "integrations", enabled: true },
    ]);
  });

  it("have metrics as a calculation would leave them, and goals and a report that follow from them", async () => {
    const { rows } = await db.superuser.query(
      `select o.slug,
         app_hidden.calculate_organization_metrics(o.id) as changed,
         (select count(*)::int from app_public.metric_aggregations a
          where a.organization_id = o.id and a.source = 'derived') > 10 as "isDerived"
       from app_public.organizations o order by 1`,
    );
    expect(rows).toEqual([
      { slug: "acme-corp", changed: 0, isDerived: true },
      { slug: "tech-startup-inc", changed: 0, isDerived: true },
    ]);
    const goals = await db.superuser.query(
      `select g.name, p.sum::int from app_public.goals g join app_public.goal_progress p on p.goal_id = g.id order by 1`,
    );
    expect(goals.rows).toEqual([
      { name: "Answer the phone", sum: 73 },
      { name: "Revenue of the first quarter", sum: 22_449 },
    ]);
    const reports = await db.superuser.query(
      "select jsonb_array_length(figures) > 5 as full from app_public.reports",
    );
    expect(reports.rows).toEqual([{ full: true }]);
  });
});
