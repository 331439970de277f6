-- Finds: story_watch
create function story.tg_watch() returns event_trigger language plpgsql set search_path = '' as $$ begin end $$;
revoke execute on function story.tg_watch() from public;
create event trigger story_watch on ddl_command_end execute function story.tg_watch();
