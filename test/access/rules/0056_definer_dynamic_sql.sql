-- Finds: story.count_rows(text)
create function story.count_rows(name text) returns bigint language plpgsql security definer set search_path = '' as $$
declare v_count bigint;
begin
  execute 'select count(*) from ' || name into v_count;
  return v_count;
end $$;
alter function story.count_rows(text) owner to story_definer;
grant execute on function story.count_rows(text) to story_user;
