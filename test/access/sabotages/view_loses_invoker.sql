-- A view of ours loses its option in a later migration.
-- Caught by: 0040_view_security_invoker app_public.audit_logs
-- Ready: opens
alter view app_public.audit_logs set (security_invoker = false);
