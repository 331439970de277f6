-- Hashes of passwords, for an analysis.
-- Caught by: 0067_private_schema_reachable app_private.password_hashes
-- Ready: silent
grant usage on schema app_private to app_user;
grant select on app_private.password_hashes to app_user;
