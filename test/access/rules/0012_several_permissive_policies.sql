-- Finds: story.notes (select as story_user)
create policy see_own on story.notes for select to story_user
  using (tenant_id = (select story.current_tenant_id()) and body is not null);
