-- Finds: story.count_notes()
create function story.count_notes() returns bigint language sql stable security definer as $$ select count(*) from story.notes $$;
alter function story.count_notes() owner to story_definer;
