-- If exposed tables are audited, all of them are, for every command.
-- Severity: warning
with recursive
audit_trigger as (
  select g.tgrelid, g.tgtype
  from pg_catalog.pg_trigger g
  join pg_catalog.pg_proc f on f.oid = g.tgfoid
  where not g.tgisinternal and g.tgenabled in ('O', 'A')
  and (g.tgname ~* 'audit' or f.proname ~* 'audit' or f.pronamespace::regnamespace::text ~* 'audit')
)
select
  t.object,
  'no audit of ' || string_agg(command.name, ', ' order by command.name) as detail,
  '-- Give it the trigger that other tables have: ' || (
    select pg_get_triggerdef(g.oid)
    from pg_catalog.pg_trigger g
    join audit_trigger a on a.tgrelid = g.tgrelid
    where not g.tgisinternal and g.tgname ~* 'audit'
    order by g.tgname limit 1
  ) as fix
from base_table t, (values ('insert', 4), ('update', 16), ('delete', 8)) as command (name, bit)
where t.is_exposed and not t.relispartition
and exists (select from audit_trigger a join base_table o on o.oid = a.tgrelid and o.is_exposed)
and not exists (select from audit_trigger a where a.tgrelid = t.oid and a.tgtype & command.bit <> 0)
group by t.object
