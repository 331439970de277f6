-- A policy lets everybody of its roles write every row.
select c.object, c.table_object as touches, format('alter policy %I on %s with check (true)', c.polname, c.table_object) as sql
from clause c
where c.name = 'with check' and c.text <> 'true'
union all
-- Without a check of its own, what using says is the check.
select p.object, p.table_object, format('alter policy %I on %s with check (true)', p.polname, p.table_object)
from policy p
where p.check is null and p.command in ('all', 'update') and p.qual <> 'true'
