-- Finds: story.longest_title()
create function story.longest_title() returns text language sql immutable set search_path = ''
as $$ select max(n.title) from story.notes n $$;
revoke execute on function story.longest_title() from public;
