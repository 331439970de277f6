-- Every security definer function fixes a search_path that nobody else can write to.
-- Severity: critical
select
  f.object,
  coalesce(setting.value, 'no search_path: the caller chooses which tables and functions it means') as detail,
  format('alter routine %s set search_path = pg_catalog, pg_temp;', f.object) as fix
from app_function f
left join lateral (
  select substr(c, length('search_path=') + 1) as value
  from unnest(f.proconfig) as c where c ~ '^search_path='
) setting on true
where f.prosecdef
and (
  setting.value is null
  or setting.value ~ '\$user'
  or setting.value ~ 'pg_temp.*,'
  or exists (
    select
    from pg_catalog.pg_namespace n, aclexplode(n.nspacl) a
    where a.privilege_type = 'CREATE' and a.grantee in (select r.oid from reader r)
    and n.nspname = any (string_to_array(replace(replace(setting.value, '"', ''), ' ', ''), ','))
  )
)
