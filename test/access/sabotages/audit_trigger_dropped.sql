-- Changes of patients leave no trace.
-- Caught by: ?
-- Ready: silent
drop trigger _500_audit_update on app_public.patients;
