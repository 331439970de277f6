-- The planner keeps samples of the values of all rows.
-- Caught by: ?
-- Ready: silent
grant select on pg_catalog.pg_statistic to app_user;
