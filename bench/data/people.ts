import { signToken } from "../../src/auth/signToken.ts";
import type { Config } from "../../src/config.ts";
import type { DatabaseUrls } from "../../src/database/databaseUrls.ts";
import { withClient } from "../../src/database/withClient.ts";

/** Somebody who works in a clinic, signed in, with patients to ask for. */
export interface BenchPerson {
  userId: string;
  sessionId: string;
  clinicId: string;
  token: string;
  /** How many the clinic has, and some of them. */
  patients: number;
  patientIds: string[];
}

/** Longer than any run. */
const TOKEN_SECONDS = 23 * 60 * 60;
const PATIENTS_OF_EACH = 20;

/**
 * One provider of each of so many clinics, spread evenly over all that there are. The same people in every copy of the data.
 */
export async function findPeople(
  urls: Pick<DatabaseUrls, "superuser">,
  { auth }: Pick<Config, "auth">,
  count: number,
): Promise<BenchPerson[]> {
  return withClient(urls.superuser, async (client) => {
    const { rows } = await client.query<Omit<BenchPerson, "token">>(PEOPLE, [count, PATIENTS_OF_EACH]);
    await client.query(SESSIONS, [JSON.stringify(rows)]);
    return rows.map((person) => ({ ...person, token: signToken(auth, person, TOKEN_SECONDS) }));
  });
}

const PEOPLE = `
select m.user_id as "userId", c.id as "clinicId", md5('bench/' || m.user_id)::uuid as "sessionId", p.patients, p.ids as "patientIds"
from (
  select c.*, row_number() over (order by id) as place, count(*) over () as clinics from app_public.clinics c
) c
cross join lateral (
  select user_id from app_public.clinic_memberships m
  where m.organization_id = c.organization_id and m.clinic_id = c.id and m.role = 'provider' order by id limit 1
) m
cross join lateral (
  select max(patients)::int as patients, array_agg(id order by id) as ids
  from (
    select id, row_number() over (order by id) as place, count(*) over () as patients from app_public.patients p
    where p.organization_id = c.organization_id and p.home_clinic_id = c.id
  ) p
  where place % greatest(patients / $2::int, 1) = 0
) p
where c.place % greatest(c.clinics / $1::int, 1) = 0
order by c.id
limit $1`;

const SESSIONS = `
insert into app_private.auth_sessions (id, user_id, expires_at)
select p."sessionId", p."userId", now() + interval '30 days'
from jsonb_to_recordset($1::jsonb) as p ("sessionId" uuid, "userId" uuid)
on conflict (id) do update set expires_at = excluded.expires_at`;
