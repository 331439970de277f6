-- Finds: story.notes.everything
create policy everything on story.notes for select to story_user using (id is not null);
