-- A view of ours loses its option in a later migration.
-- Caught by: ?
-- Ready: opens
alter view app_public.audit_logs set (security_invoker = false);
