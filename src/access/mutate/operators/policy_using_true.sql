-- A policy lets everybody of its roles reach every row.
select p.object, p.table_object as touches, format('alter policy %I on %s using (true)', p.polname, p.table_object) as sql
from policy p
where p.qual <> 'true'
