-- Nothing holds an appointment to a patient of its organization.
-- Caught by: 0090_foreign_key_missing app_public.appointments.patient_id
-- Ready: silent
do $$
declare
  v_name name;
begin
  select conname into v_name from pg_catalog.pg_constraint
  where conrelid = 'app_public.appointments'::regclass and confrelid = 'app_public.patients'::regclass;
  execute format('alter table app_public.appointments drop constraint %I', v_name);
end
$$;
