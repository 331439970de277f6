-- Finds: story.notes
alter table story.notes no force row level security;
