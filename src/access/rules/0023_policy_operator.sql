-- Policies compare with the operators of Postgres.
-- Severity: critical
select
  p.object,
  format('it compares with %s, which runs %s', o.oid::regoperator, o.oprcode) as detail,
  format('drop policy %I on %s;', p.polname, p.table_object) as fix
from request_policy p
join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
  and d.refclassid = 'pg_catalog.pg_operator'::regclass
join pg_catalog.pg_operator o on o.oid = d.refobjid
where not exists (
  select from from_extension e where e.classid = 'pg_catalog.pg_operator'::regclass and e.objid = o.oid
)
