-- An index calls a function that says it is immutable and reads a table, as the owner of the table.
-- Caught by: 0044_immutable_reads app_private.label(text)
-- Ready: silent
create function app_private.label(name text) returns text language plpgsql immutable set search_path to '' as $$
begin
  return (select max(c.name) from app_public.clinics c where c.name > label.name);
end
$$;
revoke execute on function app_private.label(text) from public;
grant execute on function app_private.label(text) to app_owner;
create index patients_label_idx on app_public.patients (organization_id, app_private.label(family_name));
