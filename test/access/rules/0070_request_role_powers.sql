-- Finds: story_user
alter role story_user bypassrls;
