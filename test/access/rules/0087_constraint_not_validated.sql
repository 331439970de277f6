-- Finds: story.notes.notes_title_is_short
alter table story.notes add constraint notes_title_is_short check (length(title) < 200) not valid;
