-- A policy counts for every role, those of tomorrow too.
select p.object, p.table_object as touches, format('alter policy %I on %s to public', p.polname, p.table_object) as sql
from policy p
where not 0 = any (p.roles)
