-- Large objects belong to the role, not to a tenant.
-- Caught by: ?
-- Ready: silent
grant execute on function pg_catalog.lo_get(oid), pg_catalog.lo_from_bytea(oid, bytea) to app_user;
