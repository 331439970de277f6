-- A policy that lets nobody pass is restrictive.
-- Severity: error
select
  p.object,
  'it is false for every row and permissive: beside any other policy it keeps nobody out' as detail,
  format(
    'drop policy %1$I on %2$s; create policy %1$I on %2$s as restrictive to %3$s using (false);',
    p.polname,
    p.table_object,
    p.roles_sql
  ) as fix
from request_policy p
where p.is_permissive
and coalesce(p.qual, 'false') = 'false'
and coalesce(p.check, 'false') = 'false'
