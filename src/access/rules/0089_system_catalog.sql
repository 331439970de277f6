-- The catalogues that hold values and secrets are closed.
-- Severity: critical
select
  format('pg_catalog.%I to %s', c.relname, r.name) as object,
  case
    when c.relname ~ '^pg_statistic' then 'samples of the values of every tenant''s rows'
    when c.relname = 'pg_largeobject' then 'the content of all large objects'
    else 'passwords, or their hashes' end as detail,
  format('revoke all on pg_catalog.%I from %s;', c.relname, case r.oid when 0 then 'public' else quote_ident(r.name) end) as fix
from pg_catalog.pg_class c, aclexplode(c.relacl) a
join (select oid, name from reader union select oid, name from login_role) r on r.oid = a.grantee
where c.relnamespace = 'pg_catalog'::regnamespace and a.privilege_type = 'SELECT'
and c.relname in ('pg_authid', 'pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject', 'pg_user_mapping', 'pg_subscription')
