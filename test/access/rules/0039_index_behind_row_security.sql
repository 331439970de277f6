-- Finds: story.notes_title_idx
create index notes_title_idx on story.notes (title text_pattern_ops);
