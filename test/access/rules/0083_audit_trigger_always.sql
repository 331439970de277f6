-- Finds: story.notes.audit_notes
create function story.tg__audit() returns trigger language plpgsql set search_path = '' as $$ begin return null; end $$;
create trigger audit_notes after insert or update or delete on story.notes for each row execute function story.tg__audit();
