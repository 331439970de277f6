-- Nobody signs in as the owner of tables.
-- Severity: warning
select
  r.rolname::text as object,
  format('%s, and owns %s tables here', case when r.rolsuper then 'a superuser' else 'it signs in' end, count(*)) as detail,
  case
    when r.rolsuper then
      'create role table_owner nologin; '
      || string_agg(distinct format('grant usage on schema %I to table_owner;', t.schema), ' ') || ' '
      || string_agg(format('alter table %s owner to table_owner;', t.object), ' ')
    else format('alter role %I nologin;', r.rolname)
  end as fix
from base_table t
join pg_catalog.pg_roles r on r.oid = t.relowner
where r.rolsuper or r.rolcanlogin
group by r.rolname, r.rolsuper, r.rolcanlogin
