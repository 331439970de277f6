-- No request creates anything in a schema.
-- Severity: error
select
  n.nspname as object,
  'create to ' || string_agg(distinct r.name, ', ') as detail,
  format('revoke create on schema %I from %s;', n.nspname,
    string_agg(distinct case r.oid when 0 then 'public' else quote_ident(r.name) end, ', ')) as fix
from pg_catalog.pg_namespace n, aclexplode(n.nspacl) a
join reader r on r.oid = a.grantee
where a.privilege_type = 'CREATE'
and (n.nspname = 'public' or n.oid in (select s.oid from app_schema s))
group by n.nspname
