-- Large objects belong to the role, not to a tenant.
-- Caught by: 0080_large_object_functions pg_catalog.lo_*
-- Ready: silent
grant execute on function pg_catalog.lo_get(oid), pg_catalog.lo_from_bytea(oid, bytea) to app_user;
