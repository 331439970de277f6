-- Finds: story.notes
grant select (title) on story.notes to public;
