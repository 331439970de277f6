-- The gateway may become the owner of all tables.
-- Caught by: 0072_login_role_memberships app_owner to app_authenticator
-- Ready: opens
-- Reach: cluster
grant app_owner to app_authenticator;
