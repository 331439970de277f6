-- No request reads a materialized view.
-- Severity: critical
select
  h.object,
  format('%s to %s; it has no policies and holds what its owner could see', string_agg(distinct lower(h.privilege), ', '), h.holder) as detail,
  format('revoke all on %s from %s;', h.object, h.grantee_sql) as fix
from held h
where h.relkind = 'm'
group by h.object, h.holder, h.grantee_sql
