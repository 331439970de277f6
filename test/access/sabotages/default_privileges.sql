-- Every table that is made from now on may be read by everybody.
-- Caught by: 0063_default_privileges tables of app_owner in app_public to app_user
-- Ready: silent
alter default privileges for role app_owner in schema app_public grant select on tables to app_user;
