-- The planner may take one answer for good: a cached plan hands it to the next person.
-- Caught by: 0022_policy_helper_immutable app_hidden.my_organization_ids()
-- Ready: opens
alter function app_hidden.my_organization_ids() immutable;
