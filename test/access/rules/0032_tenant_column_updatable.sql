-- Finds: story.notes.tenant_id
grant update (tenant_id) on story.notes to story_user;
