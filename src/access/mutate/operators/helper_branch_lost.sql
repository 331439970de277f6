-- One alternative of a helper is lost: somebody no longer reaches what is theirs.
-- Cuts: branches
select
  f.object, f.object as touches, p.prosrc as text, replace(pg_catalog.pg_get_functiondef(f.oid), p.prosrc, '{cut}') as sql
from helper f
join pg_catalog.pg_proc p on p.oid = f.oid
where f.language in ('sql', 'plpgsql') and p.prosqlbody is null
