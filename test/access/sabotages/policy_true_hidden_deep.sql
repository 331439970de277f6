-- A second permissive policy is true by a tautology inside of a subquery.
-- Caught by: 0012_several_permissive_policies app_public.care_sessions
-- Ready: opens; sees rows of app_public.care_sessions
create policy support_read on app_public.care_sessions for select to app_user
  using ((select count(*) >= 0 from app_public.organizations o where o.id = organization_id));
alter policy tenant_boundary on app_public.care_sessions
  using ((select count(*) >= 0 from app_public.organizations o where o.id = organization_id));
