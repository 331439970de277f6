-- A computed column that hands out more of a row than its grants do.
-- Caught by: 0055_definer_exposed app_public.patients_everything(
-- Ready: silent
set local role app_definer;
create function app_public.patients_everything(patient app_public.patients) returns jsonb
language sql stable security definer set search_path to '' as 'select to_jsonb(patient)';
grant execute on function app_public.patients_everything(app_public.patients) to app_user;
reset role;
