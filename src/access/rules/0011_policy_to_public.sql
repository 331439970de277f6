-- Every permissive policy names its roles.
-- Severity: error
select
  p.object,
  'it is for PUBLIC: anonymous requests, every role of today and every role to come' as detail,
  format('alter policy %I on %s to %s;', p.polname, p.table_object, coalesce(
    (select string_agg(quote_ident(r.name), ', ' order by r.name) from request_role r where not r.is_anonymous),
    (select string_agg(quote_ident(r.name), ', ' order by r.name) from request_role r)
  )) as fix
from policy p
where p.is_permissive and 0 = any (p.roles)
