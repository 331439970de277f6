import type { CatalogRule } from "./catalogRule.ts";

const APP_FUNCTIONS = `
  select p.*, p.oid::regprocedure::text as object, n.nspname
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname ~ '^app_' or n.nspname = 'auth'
`;

const DEFINER_OWNER: CatalogRule = {
  title:
    "security definer functions belong to app_definer, those of the vault to app_share_reader, those that explain access to its two roles, those of the audit’s partitions and the one that analyzes to app_owner",
  query: `
    select object, 'owner ' || proowner::regrole as detail
    from (${APP_FUNCTIONS}) f
    where prosecdef
    and proowner <> (case
      when nspname = 'app_vault' then 'app_share_reader'
      when proname in ('explained_row', 'is_explained_member') then 'app_access_reader'
      when proname in ('judge_access', 'explain_access') then 'app_access_judge'
      -- Only a table's owner may refresh its statistics, give it a partition, or take one away.
      when proname in ('analyze_table', 'make_audit_partitions', 'remove_month') then 'app_owner'
      else 'app_definer'
    end)::regrole`,
  breaks: {
    sql: "alter function auth.uid() security definer",
    finding: "auth.uid()",
  },
};

const PRIVATE_FUNCTIONS: CatalogRule = {
  title: "no request role may execute a function of app_private or app_audit, or a trigger function",
  query: `
    select object, 'executable by ' || a.grantee::regrole as detail
    from (${APP_FUNCTIONS}) f, aclexplode(f.proacl) a
    where a.grantee in ('app_user'::regrole, 'app_anonymous'::regrole)
    and (f.nspname in ('app_private', 'app_audit') or f.prorettype = 'trigger'::regtype)`,
  breaks: {
    sql: "grant execute on function app_private.tg__stamp() to app_user",
    finding: "app_private.tg__stamp()",
  },
};

const ANONYMOUS_FUNCTIONS: CatalogRule = {
  title:
    "an anonymous request may call only what signing in and a share's link need, and readers of its own settings",
  query: `
    select object, 'executable by app_anonymous' as detail
    from (${APP_FUNCTIONS}) f, aclexplode(f.proacl) a
    where a.grantee = 'app_anonymous'::regrole and nspname in ('app_public', 'app_vault')
    and f.proname not in (
      'register', 'confirm_registration', 'log_in', 'refresh_session', 'viewer', 'redeem_share', 'validate_share_token',
      'verify_email'
    )`,
  breaks: {
    sql: "grant execute on all functions in schema app_public to app_anonymous",
    finding: "app_public.log_out()",
  },
};

/** What PostGraphile serves. */
const API_SCHEMAS = "array['app_public', 'app_vault']::regnamespace[]";

const DESCRIBED = `
  select t.oid::regclass::text as object, d.description
  from pg_catalog.pg_class t
  left join pg_catalog.pg_description d on d.objoid = t.oid and d.classoid = 'pg_class'::regclass and d.objsubid = 0
  where t.relnamespace = any (${API_SCHEMAS}) and t.relkind in ('r', 'p', 'v')
  union all
  select t.oid::regclass || '.' || a.attname, d.description
  from pg_catalog.pg_class t
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_description d on d.objoid = t.oid and d.classoid = 'pg_class'::regclass and d.objsubid = a.attnum
  where t.relnamespace = any (${API_SCHEMAS}) and t.relkind in ('r', 'p', 'v', 'c')
  -- A view that is kept out of the API shows nothing to describe.
  and coalesce(obj_description(t.oid, 'pg_class'), '') !~ '@behavior -\\*'
  and (t.relkind = 'c' or has_column_privilege('app_user', t.oid, a.attnum, 'select, insert, update'))
  union all
  select p.oid::regprocedure::text, d.description
  from pg_catalog.pg_proc p
  left join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_proc'::regclass
  where p.pronamespace = any (${API_SCHEMAS})
  union all
  select t.oid::regtype::text, d.description
  from pg_catalog.pg_type t
  left join pg_catalog.pg_description d on d.objoid = t.oid and d.classoid = 'pg_type'::regclass
  where t.typnamespace = any (${API_SCHEMAS}) and t.typtype = 'e'
`;

const DOCUMENTED: CatalogRule = {
  title: "every table, column, function and enum that the API shows has a description",
  query: `select object, 'no comment' as detail from (${DESCRIBED}) d where coalesce(description, '') = ''`,
  breaks: {
    sql: "comment on column app_public.patients.mrn is null",
    finding: "app_public.patients.mrn",
  },
};

export const FUNCTION_RULES: readonly CatalogRule[] = [
  DEFINER_OWNER,
  PRIVATE_FUNCTIONS,
  ANONYMOUS_FUNCTIONS,
  DOCUMENTED,
];
