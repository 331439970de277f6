-- Row security off for the sessions of one role.
-- Caught by: ?
-- Ready: opens
-- Reach: cluster
alter role app_authenticator set row_security to off;
