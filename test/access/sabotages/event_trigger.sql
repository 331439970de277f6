-- Whatever table is made later loses its row security at once.
-- Caught by: 0045_event_trigger undo
-- Ready: silent
create function app_private.undo() returns event_trigger language plpgsql set search_path to '' as $$
begin
  raise debug 'a table was made';
end
$$;
revoke execute on function app_private.undo() from public;
create event trigger undo on ddl_command_end execute function app_private.undo();
