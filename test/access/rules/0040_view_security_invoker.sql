-- Finds: story.all_notes
create view story.all_notes as select id, body from story.notes;
