-- Finds: story_private
grant usage on schema story_private to story_user;
