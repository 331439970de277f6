-- A helper of the policies is replaced: every organization is yours, whoever you are.
-- Caught by: matrix app_public.clinics
-- Ready: opens; sees rows of app_public.clinics
create or replace function app_hidden.my_organization_ids() returns setof uuid as $$
  select o.id from app_public.organizations o;
$$ language sql stable parallel safe security definer set search_path to '';
alter function app_hidden.my_organization_ids() owner to app_definer;
create or replace function app_hidden.my_clinic_ids() returns setof uuid as $$
  select c.id from app_public.clinics c;
$$ language sql stable parallel safe security definer set search_path to '';
create policy all_definer on app_public.organizations for select to app_definer using (id is not null);
create policy all_definer on app_public.clinics for select to app_definer using (organization_id is not null);
