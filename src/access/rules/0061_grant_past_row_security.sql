-- Nobody but the owner may TRUNCATE, REFERENCE, TRIGGER or MAINTAIN a table.
-- Severity: critical
select
  format('%s to %s', g.object, case g.grantee when 0 then 'public' else g.grantee::regrole::text end) as object,
  string_agg(distinct lower(g.privilege), ', ') || ': row security does not hold these' as detail,
  format('revoke %s on %s from %s;', string_agg(distinct lower(g.privilege), ', '), g.object,
    case g.grantee when 0 then 'public' else g.grantee::regrole::text end) as fix
from granted g
left join pg_catalog.pg_roles r on r.oid = g.grantee
where g.attnum = 0 and g.privilege in ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')
and not coalesce(r.rolsuper or r.rolbypassrls, false)
group by g.object, g.grantee
