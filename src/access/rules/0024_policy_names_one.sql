-- No policy names one person, one row or one day.
-- Severity: critical
with
place as (
  select p.object, p.polname, p.table_object, concat_ws(' ', p.qual, p.check) as text, null::text as helper
  from request_policy p
  union all
  select p.object, p.polname, p.table_object, f.body, f.object
  from request_policy p
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
  join app_function f on d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = f.oid
)
select
  p.object,
  format('it names %s%s', string_agg(distinct literal.text[1], ', '), ' in ' || min(p.helper)) as detail,
  format('drop policy %I on %s;', p.polname, p.table_object) as fix
from place p,
regexp_matches(
  p.text,
  '''([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[^'']*)''', 'gi'
) as literal (text)
-- The nil uuid stands for nobody.
where literal.text[1] <> '00000000-0000-0000-0000-000000000000'
group by p.object, p.polname, p.table_object
