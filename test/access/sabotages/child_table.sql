-- A child by inheritance holds rows of patients and has no row security.
-- Caught by: 0001_row_security_enabled app_public.old_patients
-- Ready: opens
create table app_public.old_patients () inherits (app_public.patients);
grant select on app_public.old_patients to app_user;
