-- A row may be moved to another organization.
-- Caught by: ?
-- Ready: silent
grant update (organization_id) on app_public.appointments to app_user;
