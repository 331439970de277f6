-- One alternative of a policy is lost: somebody no longer reaches what is theirs.
-- Cuts: branches
select
  c.object || ' ' || c.name as object, c.table_object as touches, c.text,
  format('alter policy %I on %s %s (', c.polname, c.table_object, c.name) || '{cut})' as sql
from clause c
