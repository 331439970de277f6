-- A view for reports reads as its owner, a superuser.
-- Caught by: 0040_view_security_invoker app_public.patient_report
-- Ready: opens
create view app_public.patient_report as select id, organization_id, given_name, family_name from app_public.patients;
grant select on app_public.patient_report to app_user;
