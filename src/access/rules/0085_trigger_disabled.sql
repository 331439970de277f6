-- No trigger is disabled.
-- Severity: error
select
  format('%s.%I', t.object, g.tgname) as object,
  case when g.tgisinternal then 'a foreign key is not checked' else 'it does not run' end as detail,
  case
    when g.tgisinternal then format('alter table %s enable trigger all;', t.object)
    else format('alter table %s enable %strigger %I;', t.object, case when g.tgname ~* 'audit' then 'always ' else '' end, g.tgname)
  end as fix
from pg_catalog.pg_trigger g
join base_table t on t.oid = g.tgrelid
where g.tgenabled = 'D'
