-- A policy lets exactly that be written which it should refuse.
select
  p.object, p.table_object as touches,
  format('alter policy %I on %s with check (not (%s))', p.polname, p.table_object, p.check) as sql
from written p
