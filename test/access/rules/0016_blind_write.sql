-- Finds: story.notes.change_any
create policy change_any on story.notes for update to story_user using (true)
  with check (tenant_id = (select story.current_tenant_id()));
