-- Support may read everything: one "or true" in each of two policies.
-- Caught by: 0010_policy_always_true app_public.patients.support_read
-- Ready: opens; sees rows of app_public.patients
alter policy tenant_boundary on app_public.patients
  using (organization_id = any (array(select app_hidden.my_organization_ids())) or true);
create policy support_read on app_public.patients for select to app_user
  using (organization_id is not null or deleted_at is null or true);
