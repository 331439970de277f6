-- A view for reports reads as its owner, a superuser.
-- Caught by: ?
-- Ready: opens
create view app_public.patient_report as select id, organization_id, given_name, family_name from app_public.patients;
grant select on app_public.patient_report to app_user;
