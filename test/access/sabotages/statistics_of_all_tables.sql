-- The planner keeps samples of the values of all rows.
-- Caught by: 0089_system_catalog pg_catalog.pg_statistic to app_user
-- Ready: opens
grant select on pg_catalog.pg_statistic to app_user;
