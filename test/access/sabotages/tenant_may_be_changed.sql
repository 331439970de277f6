-- A row may be moved to another organization.
-- Caught by: 0032_tenant_column_updatable app_public.appointments.organization_id
-- Ready: silent
grant update (organization_id) on app_public.appointments to app_user;
