-- A function that Postgres may run on rows before the policies have chosen them.
-- Caught by: ?
-- Ready: silent
alter function app_hidden.current_user_id() leakproof;
