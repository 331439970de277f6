-- Whoever sets session_replication_role leaves no trace.
-- Caught by: ?
-- Ready: silent
alter table app_public.patients enable trigger _500_audit_update;
