-- A back door for one person, in a policy that otherwise reads well.
-- Caught by: 0024_policy_names_one app_public.patients.tenant_boundary
-- Ready: opens
alter policy tenant_boundary on app_public.patients
  using (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or (select auth.uid()) = '0198aaaa-0000-7000-8000-000000000042'
  );
