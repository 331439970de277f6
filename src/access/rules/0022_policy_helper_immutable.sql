-- No helper of a policy claims that its answer never changes.
-- Severity: critical
with
reading as materialized (
  select f.oid, f.object
  from app_function f
  where f.provolatile = 'i'
  and (
    f.body ~* '\m(current_setting|current_user|session_user|now)\M|\mauth\.'
    or exists (
      select from regexp_matches(f.body, '\m(?:from|join)\s+(?:only\s+)?((?:"?\w+"?\.)?"?\w+)', 'gi') as source (name)
      join relation t on replace(source.name[1], '"', '') in (t.relname::text, t.schema || '.' || t.relname)
    )
  )
)
select
  f.object,
  format('%s asks it, and a cached plan keeps the answer that somebody else got', string_agg(distinct p.object, ', ')) as detail,
  format('alter function %s stable;', f.object) as fix
from reading f
join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = f.oid
join request_policy p on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
group by f.object
