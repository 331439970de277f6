-- Hashes of passwords, for an analysis.
-- Caught by: ?
-- Ready: silent
grant usage on schema app_private to app_user;
grant select on app_private.password_hashes to app_user;
