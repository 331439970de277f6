-- Ordinary triggers and foreign keys are skipped in every session of the gateway.
-- Caught by: 0079_session_default app_authenticator session_replication_role
-- Ready: opens
do $$
begin
  execute format('alter role app_authenticator in database %I set session_replication_role to replica', current_database());
end
$$;
