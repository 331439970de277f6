/**
 * The queries behind `migrations/catalog.txt`. Each returns (object, rank, line): the snapshot sorts by object, then rank,
 * then line, all as bytes. They print the same on Postgres 15 and 18: not-null constraints (rows of pg_constraint since 18)
 * are read from the columns, privileges of an owner on its own object (18 knows one more) are left out, and partitions,
 * which come and go by date, are not part of the schema.
 */
const APP_SCHEMAS = `
  select n.oid, n.nspname, n.nspowner, n.nspacl
  from pg_catalog.pg_namespace n
  where n.nspname ~ '^app_' or n.nspname = 'auth'
`;

const APP_TABLES = `
  select c.*, s.nspname, format('table %I.%I', s.nspname, c.relname) as object
  from pg_catalog.pg_class c
  join (${APP_SCHEMAS}) s on s.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not c.relispartition
`;

const digest = (expression: string) => `left(md5(${expression}), 12)`;
const grantee = (oid: string) => `case ${oid} when 0 then 'public' else ${oid}::regrole::text end`;

/** Since 16, a view of one table prints its columns without the table's name: here none has it. */
const VIEW_TEXT = "regexp_replace(pg_get_viewdef(t.oid), '\\m[a-z0-9_]+\\.', '', 'g')";

const ROLES = `
  select 'role ' || r.rolname as object, 0 as rank,
    concat_ws(' ', 'role', r.rolname,
      case when r.rolcanlogin then 'login' else 'nologin' end,
      case when r.rolinherit then 'inherit' else 'noinherit' end,
      case when r.rolsuper then 'SUPERUSER' end,
      case when r.rolbypassrls then 'BYPASSRLS' end,
      case when r.rolcreaterole then 'CREATEROLE' end,
      case when r.rolcreatedb then 'CREATEDB' end,
      case when r.rolreplication then 'REPLICATION' end,
      'member of (' || coalesce((
        select string_agg(distinct m.roleid::regrole::text, ', ' order by m.roleid::regrole::text)
        from pg_catalog.pg_auth_members m where m.member = r.oid
      ), '') || ')') as line
  from pg_catalog.pg_roles r
  where r.rolname ~ '^app_'
`;

const SCHEMAS = `
  select 'schema ' || s.nspname as object, 0 as rank,
    format('schema %I owner %s', s.nspname, s.nspowner::regrole) as line
  from (${APP_SCHEMAS}) s
  union all
  select 'schema ' || s.nspname, 1,
    format('  grant %s to %s', lower(a.privilege_type), ${grantee("a.grantee")})
  from (${APP_SCHEMAS}) s, aclexplode(s.nspacl) a
  where a.grantee <> s.nspowner
  union all
  select 'schema default privileges', 2,
    format('default privileges of %s%s on %s: %s', d.defaclrole::regrole,
      coalesce(' in ' || n.nspname, ''), d.defaclobjtype::text, coalesce(nullif(d.defaclacl::text, '{}'), 'none'))
  from pg_catalog.pg_default_acl d
  left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
  where d.defaclrole::regrole::text ~ '^app_'
`;

const TYPES = `
  select format('type %I.%I', s.nspname, t.typname) as object, 0 as rank,
    case t.typtype
      when 'e' then format('type %I.%I enum (%s) comment %s', s.nspname, t.typname, (
        select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
        from pg_catalog.pg_enum e where e.enumtypid = t.oid
      ), coalesce(${digest("obj_description(t.oid, 'pg_type')")}, 'none'))
      when 'd' then format('domain %I.%I as %s%s', s.nspname, t.typname, format_type(t.typbasetype, t.typtypmod), (
        select string_agg(' ' || pg_get_constraintdef(k.oid), '' order by k.conname)
        from pg_catalog.pg_constraint k where k.contypid = t.oid and k.contype = 'c'
      ))
      else format('type %I.%I (%s) comment %s', s.nspname, t.typname, (
        select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
        from pg_catalog.pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
      ), coalesce(${digest("obj_description(t.oid, 'pg_type')")}, 'none'))
    end as line
  from pg_catalog.pg_type t
  join (${APP_SCHEMAS}) s on s.oid = t.typnamespace
  left join pg_catalog.pg_class c on c.oid = t.typrelid
  where t.typtype in ('e', 'd') or (t.typtype = 'c' and c.relkind = 'c')
`;

const TABLES = `
  select t.object, 0 as rank,
    concat_ws(' ', case t.relkind
        when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end,
      format('%I.%I', t.nspname, t.relname), 'owner', t.relowner::regrole::text,
      case when t.relkind = 'p' then 'partition by ' || pg_get_partkeydef(t.oid) end,
      case when t.relrowsecurity and t.relforcerowsecurity then 'row security forced'
        when t.relrowsecurity then 'ROW SECURITY NOT FORCED'
        when t.relkind in ('r', 'p') then 'NO ROW SECURITY' end,
      array_to_string(t.reloptions, ' '),
      case when t.relkind in ('v', 'm') then 'as ' || ${digest(VIEW_TEXT)} end,
      'comments ' || ${digest(`coalesce((
        select string_agg(d.objsubid || d.description, E'\\n' order by d.objsubid)
        from pg_catalog.pg_description d where d.objoid = t.oid and d.classoid = 'pg_class'::regclass
      ), '')`)}) as line
  from (${APP_TABLES}) t
`;

const COLUMNS = `
  select t.object, 1000 + a.attnum as rank,
    concat_ws(' ', '  column', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
      case when a.attnotnull then 'not null' end,
      case a.attidentity when 'a' then 'generated always as identity' when 'd' then 'generated by default as identity' end,
      case a.attgenerated when 's' then 'stored as' when 'v' then 'virtual as' else case when d.oid is not null then 'default' end end,
      pg_get_expr(d.adbin, d.adrelid)) as line
  from (${APP_TABLES}) t
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
`;

const CONSTRAINTS_AND_INDEXES = `
  select t.object, 3000 as rank,
    format('  constraint %I %s%s', k.conname, pg_get_constraintdef(k.oid),
      case when k.convalidated then '' else ' NOT VALID' end) as line
  from (${APP_TABLES}) t
  join pg_catalog.pg_constraint k on k.conrelid = t.oid and k.contype in ('c', 'f', 'p', 'u', 'x')
  where k.conparentid = 0
  union all
  select t.object, 4000,
    '  ' || regexp_replace(pg_get_indexdef(i.indexrelid), ' ON (ONLY )?\\S+ USING', ' using')
      || case when i.indisvalid then '' else ' INVALID' end
  from (${APP_TABLES}) t
  join pg_catalog.pg_index i on i.indrelid = t.oid
  where not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
`;

const POLICIES_AND_TRIGGERS = `
  select t.object, 5000 as rank,
    concat_ws(' ', '  policy', quote_ident(p.polname),
      case when p.polpermissive then 'permissive' else 'restrictive' end, 'for',
      case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
      'to', (select string_agg(${grantee("r.oid")}, ', ' order by ${grantee("r.oid")}) from unnest(p.polroles) as r (oid)),
      'using ' || regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\\s+', ' ', 'g'),
      'with check ' || regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\\s+', ' ', 'g')) as line
  from (${APP_TABLES}) t
  join pg_catalog.pg_policy p on p.polrelid = t.oid
  union all
  select t.object, 6000,
    '  ' || regexp_replace(pg_get_triggerdef(g.oid), '^CREATE (CONSTRAINT )?TRIGGER', 'trigger')
      || case g.tgenabled when 'O' then '' when 'A' then ' ENABLED ALWAYS' else ' DISABLED' end
  from (${APP_TABLES}) t
  join pg_catalog.pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
`;

const GRANTS = `
  select t.object, 7000 as rank,
    format('  grant %s to %s', string_agg(lower(a.privilege_type), ', ' order by a.privilege_type), ${grantee("a.grantee")}) as line
  from (${APP_TABLES}) t, aclexplode(t.relacl) a
  where a.grantee <> t.relowner
  group by t.object, a.grantee
  union all
  select t.object, 7001,
    format('  grant %s (%s) to %s', lower(x.privilege_type), string_agg(quote_ident(a.attname), ', ' order by a.attnum),
      ${grantee("x.grantee")})
  from (${APP_TABLES}) t
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped,
  aclexplode(a.attacl) x
  where x.grantee <> t.relowner
  group by t.object, x.privilege_type, x.grantee
`;

const FUNCTIONS = `
  select format('~function %I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as object, 0 as rank,
    concat_ws(' ', case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
      format('%I.%I(%s)', s.nspname, p.proname, pg_get_function_arguments(p.oid)),
      'returns ' || pg_get_function_result(p.oid), l.lanname,
      case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
      case when p.proisstrict then 'strict' end,
      case when p.proleakproof then 'LEAKPROOF' end,
      'parallel ' || p.proparallel::text,
      case when p.prosecdef then 'security definer' else 'security invoker' end,
      'owner ' || p.proowner::regrole::text,
      coalesce('set ' || array_to_string(p.proconfig, ' set '), 'NO SEARCH_PATH'),
      'body ' || ${digest("coalesce(p.prosrc, '') || coalesce(pg_get_function_sqlbody(p.oid), '')")},
      'comment ' || coalesce(${digest("obj_description(p.oid, 'pg_proc')")}, 'none'),
      'execute (' || coalesce((
        select string_agg(${grantee("a.grantee")}, ', ' order by ${grantee("a.grantee")})
        from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        where a.grantee <> p.proowner
      ), '') || ')') as line
  from pg_catalog.pg_proc p
  join (${APP_SCHEMAS}) s on s.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
`;

/** Every part of the catalogue that the snapshot shows. */
export const CATALOG_QUERIES = [
  ROLES,
  SCHEMAS,
  TYPES,
  TABLES,
  COLUMNS,
  CONSTRAINTS_AND_INDEXES,
  POLICIES_AND_TRIGGERS,
  GRANTS,
  FUNCTIONS,
] as const;
