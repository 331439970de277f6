-- Finds: story.notes
grant create on schema story to story_user;
alter table story.notes owner to story_user;
