-- Roles of requests and logins own nothing.
-- Severity: critical
select
  owned.object,
  format('%s owns it: it can switch row security off', owned.owner::regrole) as detail,
  format('alter %s %s owner to %s;', owned.kind, owned.object, (
    select coalesce(
      (select s.owner::regrole::text from app_schema s where s.name = owned.schema
       and s.owner not in (select l.oid from login_role l union all select q.oid from request_role q)),
      (select r.rolname::text from pg_catalog.pg_roles r where r.oid = 10)
    )
  )) as fix
from (
  select t.object, t.relowner as owner, t.schema,
    case t.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end as kind
  from relation t
  union all
  select f.object, f.proowner, f.schema, 'routine' from app_function f
  union all
  select quote_ident(s.name), s.owner, s.name, 'schema' from app_schema s
) owned
where owned.owner in (select l.oid from login_role l union all select q.oid from request_role q)
