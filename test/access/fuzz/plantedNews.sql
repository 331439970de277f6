-- Announcements that say what is in a row: everybody who can connect may listen.
create or replace function app_private.tg__announce() returns trigger as $$
begin
  execute format(
    'select pg_notify(%2$L || c.%1$I, jsonb_build_object(''operation'', %3$L, ''ids'', jsonb_build_array(c.id),'
    ' ''row'', left(to_jsonb(c)::text, 7000))::text) from changed_rows c where c.%1$I is not null',
    TG_ARGV[0], TG_TABLE_NAME || ':', lower(TG_OP)
  );
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';
