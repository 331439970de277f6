-- A definer helper that row security no longer holds.
-- Caught by: 0054_definer_bypasses app_hidden.is_superadmin()
-- Ready: opens
do $$
begin
  execute format('alter function app_hidden.is_superadmin() owner to %I', session_user);
end
$$;
