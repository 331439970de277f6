-- A policy for everybody, future roles included.
-- Caught by: 0011_policy_to_public app_public.appointments.shared
-- Ready: silent
create policy shared on app_public.appointments using (organization_id = any (array(select app_hidden.my_organization_ids())));
