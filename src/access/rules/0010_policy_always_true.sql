-- No permissive policy of a request role is always true.
-- Severity: error
select
  p.object,
  format('%s is %s: every row passes', clause.name, clause.text) as detail,
  format('drop policy %I on %s;', p.polname, p.table_object) as fix
from request_policy p,
lateral (values ('using', p.qual), ('with check', p.check)) as clause (name, text)
where p.is_permissive
and (
  clause.text = 'true'
  or clause.text ~ '\mOR true\M|\mtrue OR\M'
  or clause.text ~ '^\(?(\d+) = \1\)?$'
  or clause.text ~ '^\(?([a-z_][a-z0-9_]*) = \1\)?$'
  or exists (
    select from pg_catalog.pg_attribute a
    where a.attrelid = p.relid and a.attnotnull and a.attnum > 0
    and clause.text = format('(%I IS NOT NULL)', a.attname)
  )
)
