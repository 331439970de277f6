-- A predefined role of Postgres for the reports of every request.
-- Caught by: 0073_request_role_memberships pg_read_all_data to app_user
-- Ready: opens
-- Reach: cluster
grant pg_read_all_data to app_user;
