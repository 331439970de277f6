-- Finds: story_backup
create role story_backup login bypassrls;
grant usage on schema story to story_backup;
grant select on story.notes to story_backup;
