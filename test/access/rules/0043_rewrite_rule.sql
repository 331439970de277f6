-- Finds: story.notes.keep_notes
create rule keep_notes as on delete to story.notes do instead nothing;
