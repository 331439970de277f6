-- A role may become a stronger one.
-- Cluster-wide
with stronger as (
  select distinct o.oid::regrole::text as name
  from (
    select t.relowner from base_table t
    union select f.proowner from app_function f
    union select r.oid from pg_catalog.pg_roles r
      where (r.rolbypassrls and not r.rolsuper)
      or r.rolname in ('pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program', 'pg_read_server_files')
  ) o (oid)
),
weak as (
  select q.name from request_role q union select l.name from login_role l
)
select
  format('%s to %s', s.name, w.name) as object, null as touches,
  format('grant %s to %I', s.name, w.name) as sql
from stronger s
cross join weak w
-- Who is a member already cannot be made one's own member.
where not pg_catalog.pg_has_role(s.name, w.name, 'member')
