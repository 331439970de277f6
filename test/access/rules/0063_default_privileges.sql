-- Finds: tables of story_owner in story to story_user
alter default privileges for role story_owner in schema story grant select on tables to story_user;
