-- Every partition has row security of its own, enabled and forced.
-- Severity: critical
select
  t.object,
  'a query that names this partition is not held by the policies of its parent' as detail,
  format('alter table %1$s enable row level security; alter table %1$s force row level security;', t.object) as fix
from base_table t
where t.relispartition and not (t.relrowsecurity and t.relforcerowsecurity)
