import type { Pool } from "pg";

import {
  type Clinic,
  createAdministrator,
  createClinic,
  createMember,
  createOrganization,
  type Person,
} from "../../../src/access/world/people.ts";
import type { TestDatabase } from "../../support/database.ts";

/** One organization with clinics and, in each, somebody who enters metrics. */
export interface Practice {
  organizationId: string;
  owner: Person;
  clinics: { clinic: Clinic; staff: Person }[];
}

export async function createPractice(db: Pool, clinicCount: number): Promise<Practice> {
  const organizationId = await createOrganization(db);
  const clinics: Practice["clinics"] = [];
  for (let index = 0; index < clinicCount; index += 1) {
    const clinic = await createClinic(db, organizationId);
    clinics.push({ clinic, staff: await createMember(db, clinic, "staff") });
  }
  return { organizationId, owner: await createAdministrator(db, organizationId, "owner"), clinics };
}

/** Every aggregation as it must be, from the rows alone and written apart from the schema's own functions. */
const EXPECTED = `
  with rows as (
    select organization_id, clinic_id, 'financial' as area, metric_key, source::text, day, value from app_public.financial_metrics
    union all
    select organization_id, clinic_id, 'appointment', metric_key, source::text, day, value from app_public.appointment_metrics
    union all
    select organization_id, clinic_id, 'call', metric_key, source::text, day, value from app_public.call_metrics
    union all
    select organization_id, clinic_id, 'patient', metric_key, source::text, day, value from app_public.patient_metrics
  ),
  scoped as (
    select organization_id, clinic_id, area, metric_key, source, day, value from rows
    union all
    select organization_id, null, area, metric_key, source, day, value from rows
  )
  select organization_id, clinic_id, area, metric_key, source, 'day' as period, day as starts_on, sum(value) as sum, count(*) as count
  from scoped group by 1, 2, 3, 4, 5, 7
  union all
  select organization_id, clinic_id, area, metric_key, source, 'week', day - (extract(isodow from day)::int - 1), sum(value), count(*)
  from scoped group by 1, 2, 3, 4, 5, 7
  union all
  select organization_id, clinic_id, area, metric_key, source, 'month', make_date(extract(year from day)::int, extract(month from day)::int, 1), sum(value), count(*)
  from scoped group by 1, 2, 3, 4, 5, 7`;

const ACTUAL = `
  select organization_id, clinic_id, area::text, metric_key, source::text, period::text, starts_on, sum, count
  from app_public.metric_aggregations`;

const GOALS_OFF = `
  select g.id
  from app_public.goals g
  left join app_public.goal_progress p on p.goal_id = g.id
  left join lateral (
    select coalesce(sum(e.sum), 0) as sum, coalesce(sum(e.count), 0) as count
    from (${EXPECTED}) e
    where e.period = 'day' and e.organization_id = g.organization_id and e.clinic_id is not distinct from g.clinic_id
    and e.metric_key = g.metric_key and (g.source is null or e.source = g.source::text)
    and e.starts_on between g.starts_on and g.ends_on
  ) e on true
  where (p.sum, p.count) is distinct from (e.sum, e.count::bigint)`;

/** What differs between the figures that were kept and a recomputation; and how many figures there are. */
export async function findDrift(
  db: TestDatabase,
): Promise<{ drift: unknown[]; figures: number; rows: number }> {
  const { rows: drift } = await db.superuser.query(
    `(select 'missing' as problem, e.* from (select * from (${EXPECTED}) e except ${ACTUAL}) e)
     union all
     (select 'wrong', a.* from (${ACTUAL} except select * from (${EXPECTED}) e) a)
     limit 5`,
  );
  const { rows: goals } = await db.superuser.query(GOALS_OFF);
  const { rows: counts } = await db.superuser.query(
    `select (select count(*)::int from app_public.metric_aggregations) as figures,
       (select sum(count)::int from app_public.metric_aggregations where period = 'day' and clinic_id is not null) as rows`,
  );
  return { drift: [...drift, ...goals], ...counts[0] };
}
