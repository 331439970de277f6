-- A trigger hands every new row on, as a superuser.
-- Caught by: 0054_definer_bypasses app_private.hand_on()
-- Ready: opens
create function app_private.hand_on() returns trigger language plpgsql security definer set search_path to '' as $$
begin
  perform pg_catalog.pg_notify('rows', to_jsonb(NEW)::text);
  return NEW;
end
$$;
revoke execute on function app_private.hand_on() from public;
create trigger hand_on after insert on app_public.patients for each row execute function app_private.hand_on();
