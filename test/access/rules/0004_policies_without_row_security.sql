-- Finds: story.notes
alter table story.notes disable row level security;
