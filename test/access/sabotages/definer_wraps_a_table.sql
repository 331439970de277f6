-- A function of the API that reads patients as a superuser.
-- Caught by: 0054_definer_bypasses app_public.every_patient()
-- Ready: opens
create function app_public.every_patient() returns setof app_public.patients
language sql stable security definer set search_path to '' as 'select * from app_public.patients';
revoke execute on function app_public.every_patient() from public;
grant execute on function app_public.every_patient() to app_user;
