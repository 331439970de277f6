-- Finds: story.notes.tenant_boundary
drop policy tenant_boundary on story.notes;
create policy tenant_boundary on story.notes as restrictive to story_user
  using (tenant_id = (select story.current_tenant_id()));
