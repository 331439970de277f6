-- A predefined role of Postgres for the reports of every request.
-- Caught by: ?
-- Ready: opens
-- Reach: cluster
grant pg_read_all_data to app_user;
