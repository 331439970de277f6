-- Requests reach partitions through their parent only.
-- Severity: error
select
  h.object,
  format('%s to %s', string_agg(distinct lower(h.privilege), ', '), h.holder) as detail,
  format('revoke all on %s from %s;', h.object, h.grantee_sql) as fix
from held h
join base_table t on t.oid = h.relid
where t.relispartition
group by h.object, h.holder, h.grantee_sql
