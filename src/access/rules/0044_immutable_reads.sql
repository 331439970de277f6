-- No function says it is immutable and reads tables or settings.
-- Severity: error
select
  f.object,
  coalesce('it reads a table; ' || (
    select string_agg(distinct i.relname, ', ') || ' runs it as the owner of its table'
    from pg_catalog.pg_depend d
    join pg_catalog.pg_class i on i.oid = d.objid and i.relkind in ('i', 'I')
    where d.classid = 'pg_catalog.pg_class'::regclass
    and d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = f.oid
  ), 'its answer may be kept after it has changed') as detail,
  format('alter function %s stable;', f.object) as fix
from app_function f
where f.provolatile = 'i'
and (
  f.body ~* '\m(current_setting|current_user|session_user)\M|\mauth\.'
  or exists (
    select from regexp_matches(f.body, '\m(?:from|join)\s+(?:only\s+)?((?:"?\w+"?\.)?"?\w+)', 'gi') as source (name)
    join relation t on replace(source.name[1], '"', '') in (t.relname::text, t.schema || '.' || t.relname)
  )
)
