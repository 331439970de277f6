-- Finds: story.shout(text)
create function story.shout(words text) returns text language sql immutable as $$ select upper(words) $$;
create function story.whisper(words text) returns text language sql immutable return lower(words);
