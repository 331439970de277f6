-- Finds: story
grant create on schema story to story_user;
