-- No table has policies that are not in force.
-- Severity: critical
select
  t.object,
  format('%s policies are defined and never asked, because row security is off', count(*)) as detail,
  format('alter table %1$s enable row level security; alter table %1$s force row level security;', t.object) as fix
from policy p
join base_table t on t.oid = p.relid
where not t.relrowsecurity
group by t.object
