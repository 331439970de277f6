-- No table has a rewrite rule.
-- Severity: warning
select
  format('%s.%I', t.object, r.rulename) as object,
  'a rule turns statements into others, checked as the owner of the table' as detail,
  format('drop rule %I on %s;', r.rulename, t.object) as fix
from pg_catalog.pg_rewrite r
join relation t on t.oid = r.ev_class
where r.rulename <> '_RETURN'
