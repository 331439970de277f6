-- Every session of the database is somebody, until it says otherwise.
-- Caught by: 0079_session_default database
-- Ready: opens
do $$
declare
  v_superadmin uuid;
begin
  select id into v_superadmin from app_public.users where is_superadmin;
  execute format('alter database %I set "jwt.claims.sub" to %L', current_database(), v_superadmin);
end
$$;
