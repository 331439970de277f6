import type { World } from "../../support/world.ts";

/** Kinds of people; each is one person of the world. */
export const KINDS = [
  "clinicAdmin",
  "provider",
  "staff",
  "viewer",
  "elsewhere",
  "foreigner",
  "owner",
  "admin",
  "portal",
  "superadmin",
  "support",
  "stranger",
  "anonymous",
] as const;
export type Kind = (typeof KINDS)[number];

/** How many of the world's rows of a table the person sees, in the order of KINDS. */
export const VISIBLE: Record<string, Record<Kind, number>> = {
  organizations: row(1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 0),
  clinics: row(1, 1, 1, 1, 1, 1, 2, 2, 1, 3, 3, 0),
  organization_memberships: row(1, 1, 1, 1, 1, 1, 10, 10, 0, 14, 14, 0),
  clinic_memberships: row(4, 4, 4, 4, 4, 4, 8, 8, 4, 12, 12, 0),
  invitations: row(0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0),
  users: row(1, 1, 1, 1, 1, 1, 1, 1, 1, 17, 17, 1),
  profiles: row(1, 1, 1, 1, 1, 1, 1, 1, 1, 17, 17, 1),
  patients: row(2, 2, 2, 2, 2, 1, 0, 0, 1, 0, 4, 0),
  patient_clinic_links: row(1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0),
  appointments: row(1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 3, 0),
  care_sessions: row(1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 3, 0),
  notifications: row(0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0),
};

function row(...counts: number[]): Record<Kind, number> {
  return Object.fromEntries(KINDS.map((kind, index) => [kind, counts[index] ?? 0])) as Record<Kind, number>;
}

/** A write and the people who can do it; for everybody else it must touch nothing. */
export interface Write {
  title: string;
  sql: string;
  values: (world: World) => unknown[];
  allowed: readonly Kind[];
}

const CLINIC_STAFF = ["clinicAdmin", "provider", "staff"] as const;
const TREATING = ["clinicAdmin", "provider"] as const;
const ADMINISTRATORS = ["owner", "admin"] as const;

export const WRITES: readonly Write[] = [
  {
    title: "rename the organization",
    sql: "update app_public.organizations set name = 'New' where id = $1",
    values: ({ own }) => [own],
    allowed: ADMINISTRATORS,
  },
  {
    title: "open a clinic",
    sql: "insert into app_public.clinics (organization_id, name) values ($1, 'New')",
    values: ({ own }) => [own],
    allowed: ADMINISTRATORS,
  },
  {
    title: "rename the clinic",
    sql: "update app_public.clinics set name = 'New' where id = $1",
    values: ({ here }) => [here.clinic.id],
    allowed: ["clinicAdmin", ...ADMINISTRATORS],
  },
  {
    title: "deactivate a member of the organization",
    sql: "update app_public.organization_memberships set active = false where organization_id = $1 and user_id = $2",
    values: ({ own, there }) => [own, there.staff.userId],
    allowed: ADMINISTRATORS,
  },
  {
    title: "make somebody an owner",
    sql: "update app_public.organization_memberships set role = 'owner' where organization_id = $1 and user_id = $2",
    values: ({ own, there }) => [own, there.staff.userId],
    allowed: ["owner"],
  },
  {
    title: "bring a colleague into the clinic",
    sql: `insert into app_public.clinic_memberships (organization_id, clinic_id, user_id, role, display_name)
      values ($1, $2, $3, 'viewer', 'Name')`,
    values: ({ own, here, there }) => [own, here.clinic.id, there.staff.userId],
    allowed: ["clinicAdmin", ...ADMINISTRATORS],
  },
  {
    title: "raise a colleague in the clinic",
    sql: "update app_public.clinic_memberships set role = 'clinic_admin' where clinic_id = $1 and user_id = $2",
    values: ({ here }) => [here.clinic.id, here.viewer.userId],
    allowed: ["clinicAdmin", ...ADMINISTRATORS],
  },
  {
    title: "invite a member",
    sql: `insert into app_public.invitations (organization_id, email, organization_role, code_hash, expires_at)
      values ($1, 'new@example.com', 'member', sha256('code'), now() + interval '1 day')`,
    values: ({ own }) => [own],
    allowed: ADMINISTRATORS,
  },
  {
    title: "invite an owner",
    sql: `insert into app_public.invitations (organization_id, email, organization_role, code_hash, expires_at)
      values ($1, 'new@example.com', 'owner', sha256('code'), now() + interval '1 day')`,
    values: ({ own }) => [own],
    allowed: ["owner"],
  },
  {
    title: "revoke an invitation",
    sql: "update app_public.invitations set revoked_at = now() where organization_id = $1",
    values: ({ own }) => [own],
    allowed: ADMINISTRATORS,
  },
  {
    title: "change somebody's profile",
    sql: "update app_public.profiles set display_name = 'New' where user_id = $1",
    values: ({ here }) => [here.provider.userId],
    allowed: ["provider"],
  },
  {
    title: "register a patient",
    sql: `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date)
      values ($1, $2, 'NEW', 'G', 'F', '1990-01-01')`,
    values: ({ own, here }) => [own, here.clinic.id],
    allowed: CLINIC_STAFF,
  },
  {
    title: "change a patient's address",
    sql: "update app_public.patients set city = 'New' where id = $1",
    values: ({ here }) => [here.patient.id],
    allowed: CLINIC_STAFF,
  },
  {
    title: "change a patient who is only shared with the clinic",
    sql: "update app_public.patients set city = 'New' where id = $1",
    values: ({ shared }) => [shared.id],
    allowed: ["elsewhere"],
  },
  {
    title: "share a patient with another clinic",
    sql: `insert into app_public.patient_clinic_links (organization_id, clinic_id, patient_id, home_clinic_id)
      values ($1, $2, $3, $4)`,
    values: ({ own, here, there }) => [own, there.clinic.id, here.patient.id, here.clinic.id],
    allowed: TREATING,
  },
  {
    title: "widen what another clinic shares",
    sql: "update app_public.patient_clinic_links set access = 'full_record' where id = $1",
    values: ({ linkId }) => [linkId],
    allowed: ["elsewhere"],
  },
  {
    title: "end what another clinic shares",
    sql: "delete from app_public.patient_clinic_links where id = $1",
    values: ({ linkId }) => [linkId],
    allowed: ["elsewhere"],
  },
  {
    title: "book an appointment",
    sql: `insert into app_public.appointments (organization_id, clinic_id, patient_id, provider_id, during)
      values ($1, $2, $3, $4, '[2029-01-01 10:00Z, 2029-01-01 11:00Z)')`,
    values: ({ own, here }) => [own, here.clinic.id, here.patient.id, here.provider.userId],
    allowed: CLINIC_STAFF,
  },
  {
    title: "book a patient of another clinic who is not shared",
    sql: `insert into app_public.appointments (organization_id, clinic_id, patient_id, provider_id, during)
      values ($1, $2, $3, $4, '[2029-01-01 10:00Z, 2029-01-01 11:00Z)')`,
    values: ({ own, here, there }) => [own, here.clinic.id, there.patient.id, here.provider.userId],
    allowed: [],
  },
  {
    title: "cancel an appointment",
    sql: "update app_public.appointments set status = 'cancelled' where id = $1",
    values: ({ here }) => [here.appointment.id],
    allowed: CLINIC_STAFF,
  },
  {
    title: "write a care session",
    sql: `insert into app_public.care_sessions (organization_id, clinic_id, patient_id, provider_id, started_at)
      values ($1, $2, $3, $4, now())`,
    values: ({ own, here }) => [own, here.clinic.id, here.patient.id, here.provider.userId],
    allowed: TREATING,
  },
  {
    title: "change a care session's summary",
    sql: "update app_public.care_sessions set summary = 'New' where id = $1",
    values: ({ here }) => [here.careSessionId],
    allowed: TREATING,
  },
  {
    title: "mark a notification as read",
    sql: "update app_public.notifications set read_at = now() where id = $1",
    values: ({ here }) => [here.notificationId],
    allowed: ["provider"],
  },
];

/** Nobody may do these by a request: there is no grant. */
export const REFUSED: readonly string[] = [
  ...Object.keys(VISIBLE).map((table) => `truncate app_public.${table}`),
  ...Object.keys(VISIBLE)
    .filter((table) => table !== "patient_clinic_links")
    .map((table) => `delete from app_public.${table}`),
  "insert into app_public.users (email) values ('x@example.com')",
  "update app_public.users set is_superadmin = true",
  "insert into app_public.organizations (name, slug) values ('x', 'x')",
  "insert into app_public.organization_memberships (organization_id, user_id, role) values (gen_random_uuid(), auth.uid(), 'owner')",
  "update app_public.patients set home_clinic_id = gen_random_uuid()",
  "update app_public.patients set portal_user_id = auth.uid()",
  "update app_public.appointments set clinic_id = gen_random_uuid()",
  "update app_public.appointments set organization_id = gen_random_uuid()",
  "update app_public.appointments set patient_id = gen_random_uuid()",
  "update app_public.care_sessions set organization_id = gen_random_uuid()",
  "select code_hash from app_public.invitations",
  "insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key) values (gen_random_uuid(), auth.uid(), '', '', gen_random_uuid(), '')",
  "select * from app_private.password_hashes",
  "select * from app_private.auth_sessions",
  "select * from app_audit.events",
  "insert into app_audit.events (actor_role, command, table_name, row_id, changed_fields) values ('x', 'INSERT', 'x', gen_random_uuid(), '{}')",
  "select graphile_worker.add_job('appointment__notify')",
  "select app_private.add_job('appointment__notify', '{}')",
  "select app_private.start_session(auth.uid())",
  "select app_private.reset_access('app_public.patients')",
  "create temporary table t (id int)",
  "create table app_public.t (id int)",
  "set role app_owner",
  "set session authorization app_owner",
  "select pg_advisory_lock(1)",
  "select set_config('role', 'app_authenticator', true)",
];
