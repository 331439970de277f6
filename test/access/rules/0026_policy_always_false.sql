-- Finds: story.notes.nobody
create policy nobody on story.notes for delete to story_user using (false);
