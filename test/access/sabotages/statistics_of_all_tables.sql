-- The planner keeps samples of the values of all rows.
-- Caught by: ?
-- Ready: opens
grant select on pg_catalog.pg_statistic to app_user;
