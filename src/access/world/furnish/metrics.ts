import type { RolledBack } from "../rolledBack.ts";
import type { World } from "../world.ts";

/** The tables of rows, and a metric of each that is entered by hand. */
export const MANUAL_KEYS: Readonly<Record<string, string>> = {
  financial_metrics: "expenses",
  appointment_metrics: "appointments_booked",
  call_metrics: "calls_received",
  patient_metrics: "patients_seen",
};

/** In each clinic a manual and a derived value of every table, and a goal; a goal, report and template per organization. */
export async function furnishMetrics(
  { superuser }: RolledBack,
  { own, foreign, here, there, abroad }: World,
): Promise<void> {
  for (const { clinic } of [here, there, abroad]) {
    const tenant = [clinic.organizationId, clinic.id];
    for (const table of Object.keys(MANUAL_KEYS)) {
      await superuser.query(
        `insert into app_public.${table} (organization_id, clinic_id, metric_key, day, source, value)
         values ($1, $2, $3, '2030-01-01', 'manual', 1), ($1, $2, $3, '2030-01-01', 'derived', 2)`,
        [...tenant, MANUAL_KEYS[table]],
      );
    }
    await superuser.query(
      `insert into app_public.goals (organization_id, clinic_id, name, area, metric_key, target, starts_on, ends_on)
       values ($1, $2, 'Clinic', 'call', 'calls_received', 10, '2030-01-01', '2030-01-31')`,
      tenant,
    );
    await superuser.query(
      `insert into app_public.reports (organization_id, clinic_id, period, starts_on, ends_on, figures)
       values ($1, $2, 'week', '2029-12-31', '2030-01-06', '[]')`,
      tenant,
    );
  }
  for (const organizationId of [own, foreign]) {
    await superuser.query(
      `insert into app_public.goals (organization_id, clinic_id, name, area, metric_key, target, starts_on, ends_on)
       values ($1, null, 'All', 'call', 'calls_received', 10, '2030-01-01', '2030-01-31')`,
      [organizationId],
    );
    await superuser.query(
      `insert into app_public.reports (organization_id, clinic_id, period, starts_on, ends_on, figures)
       values ($1, null, 'week', '2029-12-31', '2030-01-06', '[]')`,
      [organizationId],
    );
    await superuser.query(
      `insert into app_public.goal_templates (organization_id, name, area, metric_key, target)
       values ($1, 'Template', 'call', 'calls_received', 10)`,
      [organizationId],
    );
  }
}
