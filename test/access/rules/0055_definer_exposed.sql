-- Finds: story.count_notes()
create function story.count_notes() returns bigint language sql stable security definer set search_path = ''
as $$ select count(*) from story.notes $$;
alter function story.count_notes() owner to story_definer;
grant execute on function story.count_notes() to story_user;
