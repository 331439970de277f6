-- The gateway may become the owner of all tables.
-- Caught by: ?
-- Ready: opens
-- Reach: cluster
grant app_owner to app_authenticator;
