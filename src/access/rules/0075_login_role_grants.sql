-- The role that signs in has no privilege of its own.
-- Severity: error
select
  format('%s to %s', g.object, l.name) as object,
  string_agg(distinct lower(g.privilege), ', ') as detail,
  format('revoke all on %s from %I;', g.object, l.name) as fix
from granted g
join login_role l on l.oid = g.grantee
group by g.object, l.name
