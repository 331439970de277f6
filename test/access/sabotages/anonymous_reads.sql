-- Whoever has no token may read clinics.
-- Caught by: ?
-- Ready: opens
grant select on app_public.clinics to app_anonymous;
create policy select_public on app_public.clinics for select to app_anonymous using (organization_id is not null);
