-- Every policy for updates states its WITH CHECK.
-- Severity: warning
select
  p.object,
  'what the row may become is not stated; Postgres takes USING for it' as detail,
  format('alter policy %I on %s with check (%s);', p.polname, p.table_object, p.qual) as fix
from request_policy p
where p.command in ('update', 'all') and p.check is null and p.qual is not null
