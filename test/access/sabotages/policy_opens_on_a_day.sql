-- A back door that opens by itself next year.
-- Caught by: 0024_policy_names_one app_public.patients.tenant_boundary
-- Ready: opens
alter policy tenant_boundary on app_public.patients
  using (organization_id = any (array(select app_hidden.my_organization_ids())) or now() > '2027-01-01');
