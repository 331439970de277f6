import { APP_RELATIONS, type CatalogRule, REQUEST_ROLES } from "./catalogRule.ts";

const ANONYMOUS_GRANTS: CatalogRule = {
  title: "an anonymous request has no privilege on any table or column",
  query: `
    select t.object, string_agg(distinct a.privilege_type, ', ') as detail
    from (${APP_RELATIONS}) t
    left join pg_catalog.pg_attribute c on c.attrelid = t.oid,
    aclexplode(t.relacl || c.attacl) a
    where a.grantee in (0, 'app_anonymous'::regrole)
    group by t.object`,
  breaks: {
    sql: "grant select (id) on app_public.organizations to app_anonymous",
    finding: "app_public.organizations",
  },
};

/** What the view audit_logs shows. Not the session, and not the transaction. */
const READABLE_AUDIT_COLUMNS = [
  "id",
  "occurred_at",
  "organization_id",
  "clinic_id",
  "actor_id",
  "actor_role",
  "command",
  "table_name",
  "row_id",
  "changed_fields",
  "purpose_of_use",
  "request_id",
];

const AUDIT_SCHEMA: CatalogRule = {
  title: "of app_audit, a request reads the columns of events that audit_logs shows, and nothing else",
  query: `
    select n.nspname::text as object, format('%s to %s', a.privilege_type, a.grantee) as detail
    from pg_catalog.pg_namespace n, aclexplode(n.nspacl) a
    where n.nspname = 'app_audit' and a.grantee in ${REQUEST_ROLES}
    and (a.grantee, a.privilege_type) is distinct from ('app_user'::regrole, 'USAGE')
    union all
    select t.object || '.' || c.attname, format('%s to %s', a.privilege_type, a.grantee)
    from (${APP_RELATIONS}) t
    join pg_catalog.pg_attribute c on c.attrelid = t.oid,
    aclexplode(c.attacl) a
    where t.nspname = 'app_audit' and a.grantee in ${REQUEST_ROLES}
    and not (
      t.object = 'app_audit.events' and a.grantee = 'app_user'::regrole and a.privilege_type = 'SELECT'
      and c.attname = any ('{${READABLE_AUDIT_COLUMNS.join(",")}}')
    )`,
  breaks: {
    sql: "grant select (session_id) on app_audit.events to app_user",
    finding: "app_audit.events.session_id",
  },
};

const CLOSED_VAULT: CatalogRule = {
  title: "only the owner's requests, the share reader and the backup have any privilege in the vault",
  query: `
    select t.object, format('%s to %s', a.privilege_type, a.grantee::regrole) as detail
    from (${APP_RELATIONS}) t
    left join pg_catalog.pg_attribute c on c.attrelid = t.oid,
    aclexplode(t.relacl || c.attacl) a
    where t.nspname = 'app_vault' and a.grantee <> t.relowner
    and (a.grantee::regrole::text, a.privilege_type) <> ('app_backup', 'SELECT')
    and a.grantee::regrole::text not in ('app_user', 'app_share_reader')
    union all
    select format('%s.%s', p.polrelid::regclass, p.polname), p.polroles::regrole[]::text
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class t on t.oid = p.polrelid
    where t.relnamespace = 'app_vault'::regnamespace and p.polpermissive
    and not p.polroles <@ array['app_user', 'app_share_reader']::regrole[]::oid[]`,
  breaks: {
    sql: "grant select (id) on app_vault.encrypted_cycle_data to app_definer",
    finding: "app_vault.encrypted_cycle_data",
  },
};

const IMMUTABLE_COLUMNS: CatalogRule = {
  title: "ids, tenants, whose it is and the stamps of a row are not updatable by a request",
  query: `
    select t.object || '.' || c.attname as object, 'update granted' as detail
    from (${APP_RELATIONS}) t
    join pg_catalog.pg_attribute c on c.attrelid = t.oid,
    aclexplode(c.attacl) a
    where a.grantee in ${REQUEST_ROLES} and a.privilege_type = 'UPDATE'
    and c.attname in ('id', 'organization_id', 'clinic_id', 'created_at', 'created_by', 'updated_at', 'updated_by', 'user_id', 'patient_id', 'is_superadmin')`,
  breaks: {
    sql: "grant update (clinic_id) on app_public.appointments to app_user",
    finding: "app_public.appointments.clinic_id",
  },
};

const NAMED_POLICIES: CatalogRule = {
  // `access check` asks it of permissive policies only: elsewhere, a boundary for everybody is right.
  title: "every policy names its roles, a restrictive one too",
  query: `
    select format('%s.%s', p.polrelid::regclass, p.polname) as object, 'policy for public' as detail
    from pg_catalog.pg_policy p
    where p.polrelid::regclass::text ~ '^app_' and 0 = any (p.polroles)`,
  breaks: {
    sql: "alter policy tenant_boundary on app_public.patients to public",
    finding: "app_public.patients.tenant_boundary",
  },
};

const OWNERS: CatalogRule = {
  title: "tables belong to app_owner",
  query: `
    select object, relowner::regrole::text as detail
    from (${APP_RELATIONS}) t
    where relowner <> 'app_owner'::regrole`,
  breaks: { sql: "create table app_public.stray (id uuid)", finding: "app_public.stray" },
};

const POWERLESS_ROLES: CatalogRule = {
  title: "no role of the application is more than it must be",
  query: `
    select rolname::text as object, 'superuser, creates roles or databases, replicates, bypasses or inherits' as detail
    from pg_catalog.pg_roles
    where rolname ~ '^app_'
    and (rolsuper or rolcreaterole or rolcreatedb or rolreplication
      or (rolinherit and rolname <> 'app_access_judge')
      or (rolbypassrls and rolname <> 'app_backup'))
    union all
    select m.member::regrole::text, 'is a member of ' || m.roleid::regrole
    from pg_catalog.pg_auth_members m
    where m.member::regrole::text ~ '^app_'
    and (m.member::regrole::text, m.roleid::regrole::text) not in (
      ('app_authenticator', 'app_user'), ('app_authenticator', 'app_anonymous'), ('app_worker', 'app_user'),
      ('app_migrator', 'app_owner'), ('app_migrator', 'app_definer'), ('app_migrator', 'app_data'),
      ('app_migrator', 'app_share_reader'), ('app_migrator', 'app_access_reader'),
      ('app_migrator', 'app_access_judge'), ('app_access_judge', 'app_user')
    )
    union all
    select 'app_backup', 'may write ' || object
    from (${APP_RELATIONS}) t
    where has_table_privilege('app_backup', t.oid, 'insert, update, delete, truncate')`,
  breaks: { sql: "grant app_definer to app_authenticator", finding: "app_authenticator" },
};

export const ACCESS_RULES: readonly CatalogRule[] = [
  ANONYMOUS_GRANTS,
  AUDIT_SCHEMA,
  CLOSED_VAULT,
  IMMUTABLE_COLUMNS,
  NAMED_POLICIES,
  OWNERS,
  POWERLESS_ROLES,
];
