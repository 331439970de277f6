-- Finds: story.tg_notes__record()
create function story.tg_notes__record() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  NEW.body := NEW.body || ' by ' || current_user;
  return NEW;
end $$;
alter function story.tg_notes__record() owner to story_definer;
