-- Nothing that is created tomorrow is open by default.
-- Severity: error
with recursive
maker as (
  select distinct owner.oid, owner.name
  from (
    select s.owner as oid from app_schema s
    union select t.relowner from relation t
    union select f.proowner from app_function f
  ) o, lateral (select o.oid, o.oid::regrole::text as name) owner
)
select
  format('functions of %s', m.name) as object,
  'every new one is executable by PUBLIC' as detail,
  format('alter default privileges for role %s revoke execute on functions from public;', m.name) as fix
from maker m
where exists (
  select from aclexplode(coalesce(
    (select d.defaclacl from pg_catalog.pg_default_acl d
     where d.defaclrole = m.oid and d.defaclnamespace = 0 and d.defaclobjtype = 'f'),
    acldefault('f', m.oid)
  )) a
  where a.grantee = 0
)
union all
select
  format('%s of %s%s to %s', kind.name, d.defaclrole::regrole, coalesce(' in ' || n.nspname, ''), r.name),
  string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) || ' on every new one',
  format('alter default privileges for role %s%s revoke all on %s from %s;', d.defaclrole::regrole,
    coalesce(' in schema ' || quote_ident(n.nspname), ''), kind.name, case r.oid when 0 then 'public' else quote_ident(r.name) end)
from pg_catalog.pg_default_acl d
join maker m on m.oid = d.defaclrole
left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
join (values ('r', 'tables'), ('S', 'sequences'), ('f', 'functions'), ('T', 'types'), ('n', 'schemas')) as kind (code, name)
  on kind.code = d.defaclobjtype,
aclexplode(d.defaclacl) a
join reader r on r.oid = a.grantee
where d.defaclobjtype in ('r', 'S') or (d.defaclobjtype = 'f' and d.defaclnamespace <> 0)
group by kind.name, d.defaclrole, n.nspname, r.name, r.oid
