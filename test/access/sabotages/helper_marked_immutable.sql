-- The planner may take one answer for good: a cached plan hands it to the next person.
-- Caught by: ?
-- Ready: opens
alter function app_hidden.my_organization_ids() immutable;
