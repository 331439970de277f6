-- A copy from before a migration, for the case that something goes wrong.
-- Caught by: 0001_row_security_enabled app_public.patients_before
-- Ready: opens
create table app_public.patients_before as select * from app_public.patients;
grant select on app_public.patients_before to app_user;
