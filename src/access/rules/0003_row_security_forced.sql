-- Row security also holds the owner of a table.
-- Severity: critical
select
  t.object,
  format('row security is not forced: %s, and every function and view of it, sees all rows', t.relowner::regrole) as detail,
  format('alter table %s force row level security;', t.object) as fix
from base_table t
where not t.relispartition and t.relrowsecurity and not t.relforcerowsecurity
