-- Finds: story.shout(text)
create function story.shout(words text) returns text language sql immutable set search_path = '' as $$ select upper(words) $$;
grant execute on function story.shout(text) to public;
