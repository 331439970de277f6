-- Every table has row security enabled.
-- Severity: critical
select
  t.object,
  'row security is off: who holds a privilege on the table sees and changes every row' as detail,
  format('alter table %s enable row level security;', t.object) as fix
from base_table t
where not t.relispartition and not t.relrowsecurity
