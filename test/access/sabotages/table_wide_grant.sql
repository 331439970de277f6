-- All privileges on a table, to be done with it.
-- Caught by: 0061_grant_past_row_security app_public.patients
-- Ready: opens
grant all on app_public.patients to app_user;
