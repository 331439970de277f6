-- All privileges on a table, to be done with it.
-- Caught by: ?
-- Ready: opens
grant all on app_public.patients to app_user;
