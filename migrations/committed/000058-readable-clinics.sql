--! Previous: sha1:d6cadc312cea0e5390750e05a8856b20b8cecef4
--! Hash: sha1:4d393250059e26f4009fce5011e4aa5231ee7efa
--! Message: readable clinics

--! split: 1-current.sql
--! Included tenancy/my_clinics.sql
set local role app_definer;

-- Clinics in which the person holds one of these roles by an active membership. Nobody holds one by being more elsewhere.
create or replace function app_hidden.clinic_ids_with_role(roles app_public.clinic_role[]) returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_organization_id uuid := app_hidden.current_organization_id();
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select m.clinic_id
    from app_public.clinic_memberships m
    join app_public.organization_memberships o
      on o.organization_id = m.organization_id and o.user_id = m.user_id
    join app_public.clinics c on c.id = m.clinic_id
    where m.user_id = v_user_id
    and m.active
    and o.active
    and c.active
    and m.role = any (clinic_ids_with_role.roles)
    and (v_organization_id is null or m.organization_id = v_organization_id)
    and (v_clinic_id is null or m.clinic_id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics that the person runs: as their administrator, or as the organization's.
create or replace function app_hidden.administered_clinic_ids() returns setof uuid as $$
declare
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select c.id
    from app_public.clinics c
    where c.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    and (v_clinic_id is null or c.id = v_clinic_id)
    union
    select app_hidden.clinic_ids_with_role('{clinic_admin}');
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics whose clinical records the person may read: by a membership of any role. Administrators of the organization
-- are no clinicians, and read only where the organization switched that on; a superadmin must say what for.
create or replace function app_hidden.readable_clinic_ids() returns setof uuid as $$
declare
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  -- Asked here and not in a query, which would ask again for each clinic of the installation.
  if app_hidden.is_superadmin() then
    return query
      select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
      union
      select c.id
      from app_public.clinics c
      where app_hidden.purpose_of_use() is not null
      and c.organization_id = any (array(select app_hidden.my_organization_ids()))
      and (v_clinic_id is null or c.id = v_clinic_id);
    return;
  end if;
  return query
    select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
    union
    select c.id
    from app_public.clinics c
    join app_public.organizations o on o.id = c.organization_id
    where o.administrators_read_clinical
    and c.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    and (v_clinic_id is null or c.id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics that the person may know of, with or without their records: the ones they work in, the ones they run, the ones
-- that treat them as a patient, and for a superadmin all of them.
create or replace function app_hidden.my_clinic_ids() returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
    union
    select app_hidden.administered_clinic_ids()
    union
    select p.home_clinic_id
    from app_public.patients p
    where p.portal_user_id = v_user_id
    and p.deleted_at is null
    and p.organization_id = any (array(select app_hidden.my_organization_ids()))
    and (v_clinic_id is null or p.home_clinic_id = v_clinic_id)
    union
    select c.id
    from app_public.clinics c
    where app_hidden.is_superadmin()
    and c.organization_id = any (array(select app_hidden.my_organization_ids()))
    and (v_clinic_id is null or c.id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.clinic_ids_with_role(app_public.clinic_role[]),
  app_hidden.administered_clinic_ids(),
  app_hidden.readable_clinic_ids(),
  app_hidden.my_clinic_ids()
to app_user;

reset role;
--! EndIncluded tenancy/my_clinics.sql
