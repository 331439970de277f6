-- Finds: story.members
create function story.tg__audit() returns trigger language plpgsql set search_path = '' as $$ begin return null; end $$;
create trigger audit_tenants after insert or update or delete on story.tenants for each row execute function story.tg__audit();
create trigger audit_notes after insert or update or delete on story.notes for each row execute function story.tg__audit();
create trigger audit_readings after insert or update or delete on story.readings for each row execute function story.tg__audit();

-- Fix:
create trigger audit_members after insert or update or delete on story.members for each row execute function story.tg__audit();
