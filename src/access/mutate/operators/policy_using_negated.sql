-- A policy shows exactly what it should hide.
select
  p.object, p.table_object as touches,
  format('alter policy %I on %s using (not (%s))', p.polname, p.table_object, p.qual) as sql
from policy p
where p.qual is not null
