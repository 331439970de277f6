import { APP_RELATIONS, type CatalogRule } from "./catalogRule.ts";

/** Tables that no policy opens because no role but their functions' owner has any business there. */
const INTERNAL_TABLES: string[] = [];

/** Tenant columns that may be null, each with its reason. */
const NULLABLE_TENANT_COLUMNS = [
  // An invitation without a clinic is to the organization only.
  "app_public.invitations.clinic_id",
  // A template of the system belongs to no organization, one of an organization to no clinic; its `scope` says which.
  "app_public.session_templates.organization_id",
  "app_public.session_templates.clinic_id",
  // Without a clinic it is about the organization as a whole.
  "app_public.metric_aggregations.clinic_id",
  "app_public.goals.clinic_id",
  "app_public.goal_progress.clinic_id",
  "app_public.reports.clinic_id",
  // The system's own jobs, and rules on tables of no tenant, fail too.
  "app_public.job_dead_letters.organization_id",
  "app_public.trigger_failures.organization_id",
];

/** Unique keys of tenant tables that do not start with the tenant: each is looked up before it is known whose it is. */
const TENANTLESS_UNIQUE_KEYS = [
  "app_public.invitations_code_hash_key",
  "app_public.subscriptions_stripe_customer_id_key",
  "app_public.subscriptions_stripe_subscription_id_key",
];

/** Tables of the API that the audit leaves out, each with its reason. */
const UNAUDITED_TABLES = [
  // Every change follows from a row that is audited, and would be six times as many events.
  "app_public.metric_aggregations",
  "app_public.goal_progress",
  // Written with each version of a record, which is audited; and nothing ever changes or removes one.
  "app_vault.spent_nonces",
  // Good for five minutes, and part of the device key that it is used for.
  "app_vault.device_key_challenges",
];

/** Tables of the API whose rows have no trigger that keeps them in their tenant, each with its reason. */
const MOVABLE_TABLES = [
  // Written by triggers and functions only, from rows that cannot be moved.
  "app_public.metric_aggregations",
  // Added by the failing trigger's own function; nobody updates one.
  "app_public.trigger_failures",
];

const list = (names: string[]) => `array[${names.map((name) => `'${name}'`).join(", ")}]::text[]`;

const ROW_SECURITY: CatalogRule = {
  title: "every table has row security, enabled and forced, partitions included",
  query: `
    select object, concat_ws(', ', case when not relrowsecurity then 'not enabled' end,
      case when not relforcerowsecurity then 'not forced' end) as detail
    from (${APP_RELATIONS}) t
    where relkind in ('r', 'p') and not (relrowsecurity and relforcerowsecurity)`,
  breaks: {
    sql: "alter table app_public.patients no force row level security",
    finding: "app_public.patients",
  },
};

const PARTITION_ROW_SECURITY: CatalogRule = {
  ...ROW_SECURITY,
  title: "a new partition without row security is noticed",
  breaks: {
    sql: `create table app_audit.events_stray partition of app_audit.events
      for values from ('2001-01-01') to ('2001-02-01')`,
    finding: "app_audit.events_stray",
  },
};

const HAS_POLICIES: CatalogRule = {
  title: "every table has a policy, or is declared internal",
  query: `
    select object, 'no policy and not declared internal' as detail
    from (${APP_RELATIONS}) t
    where relkind in ('r', 'p') and not relispartition
    and object <> all (${list(INTERNAL_TABLES)})
    and not exists (select from pg_catalog.pg_policy p where p.polrelid = t.oid)`,
  breaks: {
    sql: "create table app_private.forgotten (id uuid)",
    finding: "app_private.forgotten",
  },
};

const TENANT_NOT_NULL: CatalogRule = {
  title: "tenant columns are not null",
  query: `
    select object || '.' || a.attname as object, 'may be null' as detail
    from (${APP_RELATIONS}) t
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attname in ('organization_id', 'clinic_id')
    where relkind in ('r', 'p') and nspname = 'app_public' and not a.attnotnull
    and object || '.' || a.attname <> all (${list(NULLABLE_TENANT_COLUMNS)})`,
  breaks: {
    sql: "alter table app_public.appointments alter column clinic_id drop not null",
    finding: "app_public.appointments.clinic_id",
  },
};

const RESTRICTIVE_TENANT_POLICY: CatalogRule = {
  title: "every tenant table of the API has a restrictive tenant policy with USING and WITH CHECK",
  query: `
    select object, 'no restrictive policy for all commands with both clauses' as detail
    from (${APP_RELATIONS}) t
    where relkind in ('r', 'p') and nspname = 'app_public' and not relispartition
    and exists (select from pg_catalog.pg_attribute a where a.attrelid = t.oid and a.attname = 'organization_id')
    and not exists (
      select from pg_catalog.pg_policy p
      where p.polrelid = t.oid and not p.polpermissive and p.polcmd = '*'
      and p.polqual is not null and 'app_user'::regrole = any (p.polroles)
    )`,
  breaks: {
    sql: `do $$ declare v_name name; begin
      for v_name in select polname from pg_policy where polrelid = 'app_public.patients'::regclass and not polpermissive loop
        execute format('drop policy %I on app_public.patients', v_name);
      end loop; end $$`,
    finding: "app_public.patients",
  },
};

const COMPOSITE_FOREIGN_KEYS: CatalogRule = {
  title: "a foreign key between tenant tables carries the organization on both sides",
  query: `
    select k.conrelid::regclass || '.' || k.conname as object, pg_get_constraintdef(k.oid) as detail
    from pg_catalog.pg_constraint k
    join (${APP_RELATIONS}) child on child.oid = k.conrelid
    join (${APP_RELATIONS}) parent on parent.oid = k.confrelid
    join pg_catalog.pg_attribute mine on mine.attrelid = child.oid and mine.attname = 'organization_id'
    join pg_catalog.pg_attribute theirs on theirs.attrelid = parent.oid and theirs.attname = 'organization_id'
    where k.contype = 'f'
    and not exists (
      select from unnest(k.conkey, k.confkey) as pair (mine, theirs)
      where pair.mine = mine.attnum and pair.theirs = theirs.attnum
    )`,
  breaks: {
    sql: `alter table app_public.appointments add constraint stray foreign key (patient_id) references app_public.patients (id)`,
    finding: "app_public.appointments.stray",
  },
};

const CLINIC_FOREIGN_KEYS: CatalogRule = {
  // By whatever name: a shared record's clinic is the `owner_clinic_id` of its share.
  title: "a foreign key to a clinic's own rows carries the clinic when both sides are required to have one",
  query: `
    select k.conrelid::regclass || '.' || k.conname as object, pg_get_constraintdef(k.oid) as detail
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_attribute mine on mine.attrelid = k.conrelid and mine.attname = 'clinic_id' and mine.attnotnull
    join pg_catalog.pg_attribute theirs on theirs.attrelid = k.confrelid and theirs.attname = 'clinic_id' and theirs.attnotnull
    where k.contype = 'f' and k.conrelid::regclass::text ~ '^app_'
    and not exists (
      select from unnest(k.conkey, k.confkey) as pair (mine, theirs)
      join pg_catalog.pg_attribute own on own.attrelid = k.conrelid and own.attnum = pair.mine
      where own.attname ~ '(^|_)clinic_id$' and pair.theirs = theirs.attnum
    )`,
  breaks: {
    sql: `alter table app_public.care_sessions add constraint stray
      foreign key (organization_id, appointment_id) references app_public.appointments (organization_id, id)`,
    finding: "app_public.care_sessions.stray",
  },
};

const FOREIGN_KEY_INDEXES: CatalogRule = {
  title: "every foreign key is led by an index of its table",
  query: `
    select k.conrelid::regclass || '.' || k.conname as object, 'no index starts with its columns' as detail
    from pg_catalog.pg_constraint k
    where k.contype = 'f' and k.conrelid::regclass::text ~ '^app_' and k.conparentid = 0
    and not exists (
      select from pg_catalog.pg_index i
      where i.indrelid = k.conrelid
      and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
    )`,
  breaks: {
    sql: `create table app_public.stray (user_id uuid references app_public.users)`,
    finding: "app_public.stray.stray_user_id_fkey",
  },
};

const TENANT_LED_UNIQUE_KEYS: CatalogRule = {
  title: "unique keys of tenant tables start with the tenant, the id alone excepted",
  query: `
    select i.indexrelid::regclass::text as object, pg_get_indexdef(i.indexrelid) as detail
    from pg_catalog.pg_index i
    join (${APP_RELATIONS}) t on t.oid = i.indrelid
    join pg_catalog.pg_attribute tenant on tenant.attrelid = t.oid and tenant.attname = 'organization_id'
    join pg_catalog.pg_attribute first on first.attrelid = t.oid and first.attnum = i.indkey[0]
    where nspname = 'app_public' and i.indisunique and first.attname not in ('organization_id', 'id')
    and i.indexrelid::regclass::text <> all (${list(TENANTLESS_UNIQUE_KEYS)})`,
  breaks: {
    sql: "create unique index stray_idx on app_public.patients (mrn)",
    finding: "app_public.stray_idx",
  },
};

const AUDITED: CatalogRule = {
  title: "every table of the API is audited, whatever session_replication_role says",
  query: `
    select object, 'no audit of ' || command as detail
    from (${APP_RELATIONS}) t, unnest(array['insert', 'update', 'delete']) as command
    where relkind in ('r', 'p') and nspname in ('app_public', 'app_vault') and not relispartition
    and object <> all (${list(UNAUDITED_TABLES)})
    and not exists (
      select from pg_catalog.pg_trigger g
      where g.tgrelid = t.oid and g.tgname = '_500_audit_' || command and g.tgenabled = 'A'
    )`,
  breaks: {
    sql: "alter table app_public.patients disable trigger _500_audit_update",
    finding: "app_public.patients",
  },
};

const KEEPS_TENANT: CatalogRule = {
  title: "a row of the API stays with its organization and clinic, whoever changes it",
  query: `
    select object, 'may change its ' || a.attname as detail
    from (${APP_RELATIONS}) t
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attname in ('organization_id', 'clinic_id')
    where relkind in ('r', 'p') and nspname = 'app_public'
    and object <> all (${list(MOVABLE_TABLES)})
    and not exists (
      select from pg_catalog.pg_trigger g
      where g.tgrelid = t.oid and g.tgname = '_300_refuse_move' and g.tgenabled <> 'D'
      and pg_get_triggerdef(g.oid) ~ format('old\\.%s IS DISTINCT FROM new\\.%s', a.attname, a.attname)
    )`,
  breaks: {
    sql: "alter table app_public.patients disable trigger _300_refuse_move",
    finding: "app_public.patients",
  },
};

export const TABLE_RULES: readonly CatalogRule[] = [
  ROW_SECURITY,
  PARTITION_ROW_SECURITY,
  HAS_POLICIES,
  TENANT_NOT_NULL,
  RESTRICTIVE_TENANT_POLICY,
  COMPOSITE_FOREIGN_KEYS,
  CLINIC_FOREIGN_KEYS,
  FOREIGN_KEY_INDEXES,
  TENANT_LED_UNIQUE_KEYS,
  AUDITED,
  KEEPS_TENANT,
];
