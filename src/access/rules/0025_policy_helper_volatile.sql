-- No helper of a policy may write.
-- Severity: error
select
  f.object,
  format('it is volatile, and %s asks it at every read', string_agg(distinct p.object, ', ')) as detail,
  format('alter function %s stable;', f.object) as fix
from app_function f
join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = f.oid
join request_policy p on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
where f.provolatile = 'v'
group by f.object
