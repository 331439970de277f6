-- A helper that may write, asked by every read.
-- Caught by: ?
-- Ready: silent
alter function app_hidden.my_organization_ids() volatile;
