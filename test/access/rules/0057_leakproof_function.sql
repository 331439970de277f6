-- Finds: story.shout(text)
create function story.shout(words text) returns text language sql immutable leakproof set search_path = '' as $$ select upper(words) $$;
