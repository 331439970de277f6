-- Changes of patients leave no trace.
-- Caught by: 0084_table_without_audit app_public.patients
-- Ready: silent
drop trigger _500_audit_update on app_public.patients;
