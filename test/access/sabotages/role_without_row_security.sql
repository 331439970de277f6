-- Row security off for the sessions of one role.
-- Caught by: 0079_session_default app_authenticator row_security
-- Ready: opens
do $$
begin
  execute format('alter role app_authenticator in database %I set row_security to off', current_database());
end
$$;
