-- Finds: story.notes
do $$
declare
  v_name name;
begin
  for v_name in select polname from pg_policy where polrelid = 'story.notes'::regclass loop
    execute format('drop policy %I on story.notes', v_name);
  end loop;
end $$;
