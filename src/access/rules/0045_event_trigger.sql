-- No event trigger that nobody has reviewed.
-- Severity: warning
select
  g.evtname::text as object,
  format('at %s it runs %s as whoever changes the schema', g.evtevent, g.evtfoid::regprocedure) as detail,
  format('drop event trigger %I;', g.evtname) as fix
from pg_catalog.pg_event_trigger g
where not exists (
  select from from_extension e
  where e.classid = 'pg_catalog.pg_proc'::regclass and e.objid = g.evtfoid
  or e.classid = 'pg_catalog.pg_event_trigger'::regclass and e.objid = g.oid
)
