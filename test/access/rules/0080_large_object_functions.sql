-- Finds: pg_catalog.lo_*
grant execute on function pg_catalog.lo_create(oid) to public;
