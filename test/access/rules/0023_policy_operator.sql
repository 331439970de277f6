-- Finds: story.notes.select_odd
create function story.same(uuid, uuid) returns boolean language sql immutable set search_path = '' as $$ select true $$;
revoke execute on function story.same(uuid, uuid) from public;
create operator story.= (leftarg = uuid, rightarg = uuid, function = story.same);
create policy select_odd on story.notes for select to story_user
  using (tenant_id operator(story.=) (select story.current_tenant_id()));
