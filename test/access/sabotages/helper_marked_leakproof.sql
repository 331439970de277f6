-- A function that Postgres may run on rows before the policies have chosen them.
-- Caught by: 0057_leakproof_function app_hidden.current_user_id()
-- Ready: silent
alter function app_hidden.current_user_id() leakproof;
