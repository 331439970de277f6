-- Finds: story_owner
alter role story_owner login;
