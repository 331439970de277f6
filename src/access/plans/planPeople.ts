import type { ClientBase } from "pg";

import { type PgSettings, pgSettings } from "../../auth/pgSettings.ts";

/** Somebody who asks, with the places and records of theirs that documents are about. */
export interface PlanPerson {
  /** Such as `provider`. */
  name: string;
  settings: PgSettings;
  /** Values for the variables of documents, by name. */
  variables: Readonly<Record<string, string>>;
}

/** Of the last organization: who reads by id from the front reads all the others first. */
const PEOPLE = {
  provider: "app_public.clinic_memberships m where m.role = 'provider'",
  owner: "app_public.organization_memberships m where m.role = 'owner'",
};

/** A day, a week and a month of the generated data, which is made around this day. */
export const PLAN_DAY = "2026-06-15";
const DATES = {
  dayStart: "2026-06-15T00:00:00Z",
  dayEnd: "2026-06-16T00:00:00Z",
  weekEnd: "2026-06-22T00:00:00Z",
  monthStart: "2026-02-01",
  monthEnd: "2026-03-01",
};

/** Reads as superuser. */
export async function findPlanPeople(client: ClientBase): Promise<PlanPerson[]> {
  const people: PlanPerson[] = [];
  for (const [name, membership] of Object.entries(PEOPLE)) {
    const { rows } = await client.query<Record<string, string>>(
      `select m.user_id as "userId", m.organization_id as "organizationId", c.id as "clinicId",
         s.patient_id as "patientId", s.id as "careSessionId", left(p.family_name, 3) as text
       from (select * from ${membership} order by m.organization_id desc, m.id desc limit 1) m
       join app_public.clinics c on c.organization_id = m.organization_id
         and (to_jsonb(m) ->> 'clinic_id' is null or c.id = (to_jsonb(m) ->> 'clinic_id')::uuid)
       join app_public.care_sessions s on s.clinic_id = c.id
       join app_public.patients p on p.id = s.patient_id
       order by c.id, s.id limit 1`,
    );
    const [found] = rows;
    if (found === undefined) {
      throw new Error(`The generated data has no ${name} with a care session: more rows are needed.`);
    }
    people.push({ name, settings: settingsOf(found.userId ?? ""), variables: { ...DATES, ...found } });
  }
  return people;
}

/** Without a session: nothing ends it in between, and it changes no plan. */
function settingsOf(userId: string): PgSettings {
  const nowhere = { organizationId: null, clinicId: null };
  return pgSettings(
    { userId, sessionId: null, ...nowhere, expiresAt: Number.MAX_SAFE_INTEGER },
    { ...nowhere, purposeOfUse: null },
    "access-plans",
  );
}
