import type { ClientBase } from "pg";

/** One line of a report: a metric's figure from one source. */
export interface ReportFigure {
  area: string;
  metric: string;
  source: string;
  unit: string | null;
  sum: number;
  count: number;
  /** Of the period before; null where there was none. */
  previousSum: number | null;
}

/** What a report's files say. */
export interface ReportContent {
  period: "week" | "month";
  /** YYYY-MM-DD. */
  firstDay: string;
  lastDay: string;
  organization: string;
  /** Null: the whole organization. */
  clinic: string | null;
  figures: readonly ReportFigure[];
}

const READ = `\
select r.period, r.starts_on::text as "firstDay", r.ends_on::text as "lastDay", o.name as organization,
  c.name as clinic, coalesce(f.figures, '[]') as figures
from app_public.reports r
join app_public.organizations o on o.id = r.organization_id
left join app_public.clinics c on c.organization_id = r.organization_id and c.id = r.clinic_id
cross join lateral (
  select json_agg(
    json_build_object(
      'area', f.area, 'metric', coalesce(d.name, f."metricKey"), 'source', f.source, 'unit', d.unit,
      'sum', f.sum, 'count', f.count, 'previousSum', f."previousSum"
    )
    order by f.area, coalesce(d.name, f."metricKey"), f.source
  ) as figures
  from jsonb_to_recordset(r.figures)
    as f (area text, "metricKey" text, source text, sum numeric, count numeric, "previousSum" numeric)
  left join app_public.metric_definitions d on d.area::text = f.area and d.key = f."metricKey"
) f
where r.organization_id = $1::uuid and r.id = $2::uuid`;

/** Undefined where the organization has no such report (any more). */
export async function readReport(
  client: ClientBase,
  organizationId: string,
  reportId: string,
): Promise<ReportContent | undefined> {
  const { rows } = await client.query<ReportContent>(READ, [organizationId, reportId]);
  return rows[0];
}
