-- The role that signs in bypasses row security.
-- Caught by: ?
-- Ready: opens
-- Reach: cluster
alter role app_authenticator bypassrls;
