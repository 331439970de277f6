-- Finds: story.notes.notes_author_id_fkey
alter table story.notes add author_id uuid references story.members (id);
