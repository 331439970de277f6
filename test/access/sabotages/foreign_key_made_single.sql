-- An appointment may name a patient of any organization.
-- Caught by: 0033_foreign_key_without_tenant app_public.appointments.
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
alter table app_public.appointments add foreign key (patient_id) references app_public.patients (id);
