-- A helper that may write, asked by every read.
-- Caught by: 0025_policy_helper_volatile app_hidden.my_organization_ids()
-- Ready: silent
alter function app_hidden.my_organization_ids() volatile;
