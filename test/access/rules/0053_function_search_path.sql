-- Finds: story.shout(text)
create function story.shout(words text) returns text language sql immutable as $$ select upper(words) $$;
