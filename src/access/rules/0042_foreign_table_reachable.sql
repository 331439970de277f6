-- No request reads a foreign table.
-- Severity: critical
select
  h.object,
  format('%s to %s; it has no policies', string_agg(distinct lower(h.privilege), ', '), h.holder) as detail,
  format('revoke all on %s from %s;', h.object, h.grantee_sql) as fix
from held h
where h.relkind = 'f'
group by h.object, h.holder, h.grantee_sql
