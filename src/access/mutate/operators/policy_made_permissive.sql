-- A policy that holds for all others becomes one more way in.
select
  p.object, p.table_object as touches,
  format(
    'drop policy %I on %s; create policy %1$I on %2$s as permissive for %s to %s', p.polname, p.table_object, p.command, p.roles_sql
  )
  || coalesce(' using (' || p.qual || ')', '') || coalesce(' with check (' || p.check || ')', '') as sql
from policy p
where not p.is_permissive
