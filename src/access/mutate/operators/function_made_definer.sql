-- A function that requests call runs with the rights of its owner.
select f.object, f.object as touches, format('alter routine %s security definer', f.object) as sql
from app_function f
where f.is_exposed and not f.prosecdef and f.prorettype <> 'pg_catalog.trigger'::regtype
and exists (select from callable c where c.oid = f.oid)
