-- Finds: story.notes.refuse_empty
alter table story.notes disable trigger refuse_empty;
