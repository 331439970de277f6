-- PUBLIC has no privilege on the database.
-- Severity: warning
select
  d.datname as object,
  string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) || ' to public' as detail,
  format('revoke all on database %I from public; grant connect on database %1$I to %s;', d.datname, coalesce(
    (select string_agg(quote_ident(l.name), ', ' order by l.name) from login_role l), 'current_user')) as fix
from pg_catalog.pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
where d.datname = current_database() and a.grantee = 0
group by d.datname
