-- Holes of every kind that the walk has to find, each of them somewhere in the API.

-- A policy that lets everybody see everything.
drop policy tenant_boundary on app_public.patient_metrics;
create policy planted on app_public.patient_metrics for select to app_user using (true);

-- A function that answers as its owner.
create function app_public.planted_text() returns text
  language sql stable security definer set search_path to '' as
  $$ select string_agg(family_name, ' ') from app_public.patients $$;

-- An error that quotes a row.
create function app_public.planted_error() returns text
  language plpgsql stable security definer set search_path to '' as $$
begin
  raise exception using errcode = 'DENYD', message = (select string_agg(p.given_name, ' ') from app_public.patients p);
end
$$;

-- A computed column that reads another table without looking whose rows they are.
create function app_public.clinics_planted(clinic app_public.clinics) returns text
  language sql stable security definer set search_path to '' as
  $$ select string_agg(reason, ' ') from app_public.appointments $$;

-- A number that tells how much there is of what one must not see.
create function app_public.clinics_planted_count(clinic app_public.clinics) returns integer
  language sql stable security definer set search_path to '' as
  $$ select count(*)::integer from app_public.patients $$;

-- An answer that tells an id of somebody else's from none.
create function app_public.planted_exists(patient_id uuid) returns boolean
  language sql stable security definer set search_path to '' as
  $$ select exists (select from app_public.patients p where p.id = planted_exists.patient_id) $$;

-- A change that reaches rows of everybody.
create function app_public.planted_write() returns integer
  language sql volatile security definer set search_path to '' as
  $$ update app_public.patients set city = 'Elsewhere'; select 1 $$;

-- A field for which the walk has no value.
create function app_public.planted_address(address inet) returns text
  language sql immutable set search_path to '' as $$ select host(address) $$;

grant execute on function app_public.planted_text(), app_public.planted_error(), app_public.clinics_planted,
  app_public.clinics_planted_count, app_public.planted_exists, app_public.planted_write, app_public.planted_address
  to app_user;
