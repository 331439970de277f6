-- Finds: story.notes_title_key
create unique index notes_title_key on story.notes (title);
