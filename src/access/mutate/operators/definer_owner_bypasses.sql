-- A function that runs with its owner's rights belongs to somebody whom row security does not hold.
select
  f.object, f.object as touches,
  format('alter routine %s owner to %I', f.object, (select r.rolname from pg_catalog.pg_roles r where r.oid = 10)) as sql
from app_function f
where f.prosecdef
