-- What every rule reads. The runner puts it in front of a rule's SQL; exclusions stand here and nowhere else.
-- $1 schemas · $2 schemas that the API exposes · $3 request roles · $4 login roles · $5 tenant columns, the tenant's own
-- first and narrower ones (a clinic of an organization) after it · $6 server version, null for the server's own
with recursive
app_schema as (
  select
    n.oid, n.nspname::text as name, n.nspowner as owner, n.nspacl as acl,
    n.nspname = any ($2::text[]) as is_exposed
  from pg_catalog.pg_namespace n
  where n.nspname = any ($1::text[])
),
request_role as (
  select r.oid, r.rolname::text as name, r.rolname ~* 'anon' as is_anonymous
  from pg_catalog.pg_roles r
  where r.rolname = any ($3::text[])
),
login_role as (
  select r.oid, r.rolname::text as name from pg_catalog.pg_roles r where r.rolname = any ($4::text[])
),
-- Whose grants and policies a request has: its role's, what that inherits, and PUBLIC's.
reader as (
  select 0::oid as oid, 'public' as name
  union
  select m.oid, m.rolname::text
  from pg_catalog.pg_roles m
  join request_role q on q.oid = m.oid
    or (pg_catalog.pg_has_role(q.oid, m.oid, 'usage') and not (select s.rolsuper from pg_catalog.pg_roles s where s.oid = q.oid))
),
from_extension as (
  select d.classid, d.objid from pg_catalog.pg_depend d where d.deptype = 'e'
),
relation as (
  select
    c.oid, format('%I.%I', s.name, c.relname) as object, c.relname, c.relkind, c.relowner, c.relacl, c.reloptions,
    c.relrowsecurity, c.relforcerowsecurity, c.relispartition, s.name as schema, s.owner as schema_owner, s.is_exposed
  from pg_catalog.pg_class c
  join app_schema s on s.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not exists (
    select from from_extension e where e.classid = 'pg_catalog.pg_class'::regclass and e.objid = c.oid
  )
),
base_table as (
  select * from relation where relkind in ('r', 'p')
),
-- Every privilege on a relation that somebody other than its owner holds; attnum 0 is the whole relation.
granted as (
  select
    t.oid as relid, t.object, t.relkind, 0::int2 as attnum, null::name as attname, a.grantee,
    a.privilege_type as privilege
  from relation t, aclexplode(t.relacl) a
  where a.grantee <> t.relowner
  union all
  select t.oid, t.object, t.relkind, c.attnum, c.attname, a.grantee, a.privilege_type
  from relation t
  join pg_catalog.pg_attribute c on c.attrelid = t.oid and not c.attisdropped,
  aclexplode(c.attacl) a
  where a.grantee <> t.relowner
),
-- Those that a request has.
held as (
  select g.*, reader.name as holder, case g.grantee when 0 then 'public' else quote_ident(reader.name) end as grantee_sql
  from granted g
  join reader on reader.oid = g.grantee
),
tenant_column as (
  select t.oid as relid, t.object, a.attnum, a.attname, a.attnotnull, format_type(a.atttypid, a.atttypmod) as type, o.position
  from base_table t
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  join unnest($5::text[]) with ordinality as o (name, position) on o.name = a.attname
),
tenant_table as (
  select t.*, c.attnum as tenant_attnum, c.attname as tenant, c.type as tenant_type
  from base_table t
  join tenant_column c on c.relid = t.oid and c.position = 1
),
-- Tables that a tenant column points to: the tenants themselves.
tenant_root as (
  select distinct k.confrelid as relid
  from pg_catalog.pg_constraint k
  join tenant_column c on c.relid = k.conrelid and k.conkey = array[c.attnum]
  where k.contype = 'f'
),
policy as (
  select
    p.oid, p.polrelid as relid, t.object as table_object, t.object || '.' || quote_ident(p.polname) as object, p.polname,
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
    p.polpermissive as is_permissive, p.polroles as roles,
    array(select reader.oid from reader where reader.oid = any (p.polroles)) as readers,
    (
      select string_agg(case r when 0 then 'public' else r::regrole::text end, ', ' order by r::regrole::text)
      from unnest(p.polroles) as r
    ) as roles_sql,
    pg_catalog.pg_get_expr(p.polqual, p.polrelid) as qual,
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check,
    -- Without what mentions the tenant and says nothing about it.
    regexp_replace(pg_catalog.pg_get_expr(p.polqual, p.polrelid), empty.pattern, '', 'g') as bare_qual,
    regexp_replace(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), empty.pattern, '', 'g') as bare_check,
    p.polqual::text || coalesce(p.polwithcheck::text, '') as tree
  from pg_catalog.pg_policy p
  join base_table t on t.oid = p.polrelid
  left join tenant_column c on c.relid = t.oid and c.position = 1,
  lateral (
    select coalesce(format('\m%1$s\M IS NOT NULL|\m%1$s = %1$s\M', c.attname), '$^') as pattern
  ) empty
),
request_policy as (
  select * from policy where cardinality(readers) > 0
),
app_function as (
  select
    p.oid, p.oid::regprocedure::text as object, s.name as schema, s.is_exposed, p.proname, p.proowner, p.proacl,
    p.prosecdef, p.proconfig, p.provolatile, p.proleakproof, p.prorettype, l.lanname as language,
    -- The text without its comments, which may say anything.
    regexp_replace(concat(p.prosrc, pg_catalog.pg_get_function_sqlbody(p.oid)), '--[^\n]*', '', 'g') as body
  from pg_catalog.pg_proc p
  join app_schema s on s.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
  where p.prokind in ('f', 'p')
  and not exists (
    select from from_extension e where e.classid = 'pg_catalog.pg_proc'::regclass and e.objid = p.oid
  )
),
-- Which functions a request may call, and by which grant.
callable as (
  select f.oid, reader.oid as grantee, reader.name as holder,
    case reader.oid when 0 then 'public' else quote_ident(reader.name) end as grantee_sql
  from app_function f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
  join reader on reader.oid = a.grantee
),
server as (
  select coalesce($6::integer, current_setting('server_version_num')::integer) as version
)
