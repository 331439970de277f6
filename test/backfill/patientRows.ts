import { randomUUID } from "node:crypto";

import { type Clinic, createClinic, createOrganization } from "../../src/access/world/people.ts";
import type { TestDatabase } from "../support/database.ts";

/** A clinic of an organization of its own, with patients who live in ` Town 1 `, ` Town 2 ` and so on, by ascending id. */
export async function createTown({ superuser }: TestDatabase, patients: number): Promise<Clinic> {
  const clinic = await createClinic(superuser, await createOrganization(superuser));
  await superuser.query(
    `insert into app_public.patients (id, organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, city)
     select ($4 || lpad(n::text, 12, '0'))::uuid, $1, $2, 'N-' || n, 'Given', 'Family ' || n, '1980-01-01', ' Town ' || n || ' '
     from generate_series(1, $3) as n order by n`,
    [clinic.organizationId, clinic.id, patients, randomUUID().slice(0, 24)],
  );
  return clinic;
}

/** Every byte of an organization's patients, but for the moment of their last change. */
export async function hashPatients({ superuser }: TestDatabase, organizationId: string): Promise<string> {
  const { rows } = await superuser.query(
    `select md5(string_agg((to_jsonb(p) - 'updated_at')::text, e'\\n' order by p.id)) as hash
     from app_public.patients p where organization_id = $1`,
    [organizationId],
  );
  return rows[0].hash;
}

export async function cities(
  { superuser }: TestDatabase,
  organizationId: string,
): Promise<(string | null)[]> {
  const { rows } = await superuser.query(
    "select city from app_public.patients where organization_id = $1 order by id",
    [organizationId],
  );
  return rows.map(({ city }) => city);
}
