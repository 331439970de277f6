-- Everything in the catalogue of the application's schemas that says who may do what, one row a fact: what `access diff`
-- compares. `name` and the columns before it say which fact it is, `value` what it says; both print alike on 15 and 18.
with app_schema as (
  select n.oid, n.nspname, n.nspacl, n.nspowner
  from pg_catalog.pg_namespace n
  where n.nspname ~ '^app_' or n.nspname = 'auth'
),
relation as (
  select c.*, format('%I.%I', s.nspname, c.relname) as object
  from pg_catalog.pg_class c
  join app_schema s on s.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
),
policy as (
  select r.object, p.polname, p.polpermissive, c.command,
    case when role.oid = 0 then 'public' else role.oid::regrole::text end as role,
    pg_get_expr(p.polqual, p.polrelid) as using_expression,
    pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid) as check_expression
  from pg_catalog.pg_policy p
  join relation r on r.oid = p.polrelid
  cross join unnest(p.polroles) as role (oid)
  join (values ('r', 'select'), ('a', 'insert'), ('w', 'update'), ('d', 'delete')) as c (letter, command)
    on p.polcmd in (c.letter, '*')
),
routine as (
  select p.*, format('%I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as object
  from pg_catalog.pg_proc p
  join app_schema s on s.oid = p.pronamespace
)
select 'grant' as kind, case a.grantee when 0 then 'public' else a.grantee::regrole::text end as role, r.object,
  lower(a.privilege_type) as command, '' as name, '' as value
from relation r, aclexplode(r.relacl) a
where a.grantee <> r.relowner
union all
select 'grant', case x.grantee when 0 then 'public' else x.grantee::regrole::text end, r.object, lower(x.privilege_type),
  a.attname, ''
from relation r
join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped,
aclexplode(a.attacl) x
where x.grantee <> r.relowner
union all
select 'grant', case a.grantee when 0 then 'public' else a.grantee::regrole::text end, 'schema ' || s.nspname,
  lower(a.privilege_type), '', ''
from app_schema s, aclexplode(s.nspacl) a
where a.grantee <> s.nspowner
union all
select 'grant', case a.grantee when 0 then 'public' else a.grantee::regrole::text end, f.object, 'execute', '', ''
from routine f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
where a.grantee <> f.proowner and f.prorettype <> 'trigger'::regtype
union all
select case when p.polpermissive then 'permissive policy' else 'restrictive policy' end, p.role, p.object, p.command,
  p.polname || ' using', p.using_expression
from policy p
where p.command <> 'insert' and p.using_expression is not null
union all
select case when p.polpermissive then 'permissive policy' else 'restrictive policy' end, p.role, p.object, p.command,
  p.polname || ' with check', p.check_expression
from policy p
where p.command in ('insert', 'update') and p.check_expression is not null
union all
select 'row security', 'every role', r.object, 'every command', f.flag, ''
from relation r
cross join lateral (values ('enabled', r.relrowsecurity), ('forced', r.relforcerowsecurity)) as f (flag, is_set)
where r.relkind in ('r', 'p') and f.is_set
union all
select 'membership', m.member::regrole::text, m.roleid::regrole::text, 'becomes', '', ''
from pg_catalog.pg_auth_members m
where m.member::regrole::text ~ '^app_'
union all
select 'power', r.rolname, 'the cluster', f.power, '', ''
from pg_catalog.pg_roles r
cross join lateral (
  values ('superuser', r.rolsuper), ('bypassrls', r.rolbypassrls), ('createrole', r.rolcreaterole),
    ('createdb', r.rolcreatedb), ('replication', r.rolreplication), ('login', r.rolcanlogin), ('inherit', r.rolinherit)
) as f (power, is_set)
where r.rolname ~ '^app_' and f.is_set
union all
select 'definer', 'every caller', f.object, 'runs as ' || f.proowner::regrole, '', ''
from routine f
where f.prosecdef
union all
select 'definer', 'every reader', r.object, 'reads as ' || r.relowner::regrole, '', ''
from relation r
where r.relkind in ('v', 'm') and not coalesce(
  r.reloptions && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1', 'security_invoker=yes'], false
)
union all
-- What a function or view does cannot be told wider or narrower from its text; that it changed is worth reading.
select 'code', 'every caller', f.object, 'runs', '', md5(concat(f.prosrc, pg_get_function_sqlbody(f.oid), f.proconfig))
from routine f
union all
select 'code', 'every reader', r.object, 'reads', '', md5(regexp_replace(pg_get_viewdef(r.oid), '\m[a-z0-9_]+\.', '', 'g'))
from relation r
where r.relkind in ('v', 'm')
order by 1, 2, 3, 4, 5, 6
