-- One condition of a policy is forgotten.
-- Cuts: conditions
select
  c.object || ' ' || c.name as object, c.table_object as touches, c.text,
  format('alter policy %I on %s %s (', c.polname, c.table_object, c.name) || '{cut})' as sql
from clause c
