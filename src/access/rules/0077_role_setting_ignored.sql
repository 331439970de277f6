-- Limits are set where they count.
-- Severity: warning
select
  format('%s.%s', q.name, split_part(c, '=', 1)) as object,
  c || ' is not applied by SET ROLE' as detail,
  format('alter role %I%s reset %s;', q.name, coalesce(' in database ' || quote_ident(d.datname), ''), split_part(c, '=', 1)) as fix
from pg_catalog.pg_db_role_setting s
join request_role q on q.oid = s.setrole
join pg_catalog.pg_roles r on r.oid = q.oid and not r.rolcanlogin
left join pg_catalog.pg_database d on d.oid = s.setdatabase,
unnest(s.setconfig) as c
where s.setdatabase = 0 or d.datname = current_database()
