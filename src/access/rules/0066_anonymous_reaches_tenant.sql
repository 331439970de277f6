-- An anonymous request has no privilege on a tenant's table.
-- Severity: error
select
  format('%s to %s', h.object, h.holder) as object,
  string_agg(distinct lower(h.privilege), ', ') as detail,
  format('revoke all on %s from %s;', h.object, h.grantee_sql) as fix
from held h
join tenant_table t on t.oid = h.relid
join request_role q on q.oid = h.grantee and q.is_anonymous
group by h.object, h.holder, h.grantee_sql
