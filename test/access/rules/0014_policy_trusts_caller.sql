-- Finds: story.notes.by_metadata
create policy by_metadata on story.notes for delete to story_user
  using (tenant_id = (nullif(current_setting('request.jwt', true), '')::jsonb -> 'user_metadata' ->> 'tenant_id')::uuid);
