-- PUBLIC has no privilege on any table.
-- Severity: critical
select
  g.object,
  string_agg(distinct lower(g.privilege), ', ') as detail,
  format('revoke all on %s from public;', g.object) as fix
from granted g
where g.grantee = 0
group by g.object
