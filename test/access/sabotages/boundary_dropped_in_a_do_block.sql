-- The boundary goes in dynamic SQL that no reader of migrations finds by its name.
-- Caught by: 0013_policy_without_tenant app_public.patients.select_clinic
-- Ready: opens
do $$
begin
  execute 'drop policy tenant' || '_boundary on app_public.' || reverse('stneitap');
end
$$;
