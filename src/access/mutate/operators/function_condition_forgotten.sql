-- One condition of a function that decides about access is forgotten: active, an expiry, a revocation, a guard.
-- Cuts: conditions
select
  f.object, f.object as touches, p.prosrc as text, replace(pg_catalog.pg_get_functiondef(f.oid), p.prosrc, '{cut}') as sql
from judge f
join pg_catalog.pg_proc p on p.oid = f.oid
where f.language in ('sql', 'plpgsql') and p.prosqlbody is null
