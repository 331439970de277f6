-- Whoever has no token may read clinics.
-- Caught by: 0013_policy_without_tenant app_public.clinics.select_public
-- Ready: opens
grant select on app_public.clinics to app_anonymous;
create policy select_public on app_public.clinics for select to app_anonymous using (organization_id is not null);
