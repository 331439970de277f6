-- A policy is dropped.
select p.object, p.table_object as touches, format('drop policy %I on %s', p.polname, p.table_object) as sql
from policy p
