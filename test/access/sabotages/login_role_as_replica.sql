-- Ordinary triggers and foreign keys are skipped in every session of the gateway.
-- Caught by: ?
-- Ready: opens
-- Reach: cluster
alter role app_authenticator set session_replication_role to replica;
