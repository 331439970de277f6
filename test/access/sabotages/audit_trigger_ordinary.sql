-- Whoever sets session_replication_role leaves no trace.
-- Caught by: 0083_audit_trigger_always app_public.patients._500_audit_update
-- Ready: silent
alter table app_public.patients enable trigger _500_audit_update;
