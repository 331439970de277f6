-- Finds: story.members.see_colleagues
create policy see_colleagues on story.members for select to story_user
  using (tenant_id in (select m.tenant_id from story.members m));

-- Fix:
alter policy see_colleagues on story.members using (tenant_id = (select story.current_tenant_id()));
