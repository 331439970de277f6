-- What is created tomorrow is open.
with maker as (
  select t.relowner::regrole::text as name from base_table t
  union
  select f.proowner::regrole::text from app_function f
)
select
  format('%s of %s to %s', kind.name, m.name, grantee.name) as object, null as touches,
  format('alter default privileges for role %s grant %s on %s to %s', m.name, kind.privilege, kind.name, grantee.name) as sql
from maker m
cross join (values ('select', 'tables'), ('usage', 'sequences'), ('execute', 'functions')) as kind (privilege, name)
cross join (select 'public' as name union all select quote_ident(q.name) from request_role q) as grantee
where kind.name <> 'functions' or grantee.name = 'public'
