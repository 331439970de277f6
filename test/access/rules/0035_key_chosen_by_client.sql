-- Finds: story.notes.id
grant insert (id) on story.notes to story_user;
