-- The role that signs in bypasses row security.
-- Caught by: 0071_login_role_powers app_authenticator
-- Ready: opens
-- Reach: cluster
alter role app_authenticator bypassrls;
