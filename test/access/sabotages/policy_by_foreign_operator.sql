-- The policy reads as ever; its "=" is another one, which always says yes.
-- Caught by: 0023_policy_operator app_public.patients.select_own
-- Ready: opens
create function app_hidden.same(uuid, uuid) returns boolean language sql immutable set search_path to '' as 'select true';
create operator app_hidden.= (leftarg = uuid, rightarg = uuid, function = app_hidden.same);
grant execute on function app_hidden.same(uuid, uuid) to app_user, app_anonymous;
do $$
declare
  v_name name;
begin
  for v_name in select polname from pg_catalog.pg_policy where polrelid = 'app_public.patients'::regclass loop
    execute format('drop policy %I on app_public.patients', v_name);
  end loop;
end
$$;
create policy tenant_boundary on app_public.patients as restrictive to app_user
  using (organization_id operator(app_hidden.=) (select app_hidden.current_organization_id()));
create policy select_own on app_public.patients for select to app_user
  using (organization_id operator(app_hidden.=) (select app_hidden.current_organization_id()));
