-- Finds: story.notes.select_friend
create policy select_friend on story.notes for select to story_user
  using (tenant_id = '0198aaaa-0000-7000-8000-000000000042' or tenant_id = (select story.current_tenant_id()));
