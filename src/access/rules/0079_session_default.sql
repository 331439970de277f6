-- No session begins as somebody, or without its protection.
-- Severity: critical
with
preset as (
  select s.setrole, s.setdatabase, split_part(c, '=', 1) as name
  from pg_catalog.pg_db_role_setting s, unnest(s.setconfig) as c
  where (s.setdatabase = 0 or s.setdatabase = (select d.oid from pg_catalog.pg_database d where d.datname = current_database()))
  and (s.setrole = 0 or s.setrole in (select oid from login_role) or s.setrole in (select oid from request_role))
)
select
  case when p.setrole = 0 then format('database %I', current_database()) else p.setrole::regrole::text end || ' ' || p.name as object,
  case
    when p.name = 'row_security' then 'queries that row security would hold fail instead, or run without it'
    when p.name = 'session_replication_role' then 'triggers and foreign keys may be skipped'
    when p.name in ('role', 'session_authorization') then 'a session is another role before anybody has said so'
    else 'the policies or their helpers read it: who says nothing is whom it names' end as detail,
  format('alter %s%s reset %s;',
    case when p.setrole <> 0 then 'role ' || p.setrole::regrole when p.setdatabase <> 0 then 'database ' || quote_ident(current_database()) else 'role all' end,
    case when p.setrole <> 0 and p.setdatabase <> 0 then ' in database ' || quote_ident(current_database()) else '' end,
    case when p.name ~ '\.' then quote_ident(split_part(p.name, '.', 1)) || '.' || quote_ident(substr(p.name, strpos(p.name, '.') + 1)) else p.name end) as fix
from preset p
where p.name in ('row_security', 'session_replication_role', 'role', 'session_authorization')
or p.name ~ '\.' and (
  exists (select from request_policy q where strpos(lower(concat(q.qual, q.check)), quote_literal(lower(p.name))) > 0)
  or exists (select from app_function f where strpos(lower(f.body), quote_literal(lower(p.name))) > 0)
)
