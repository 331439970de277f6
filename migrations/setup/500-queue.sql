-- Runs after the queue's own schema is installed (by and for `app_worker`, which owns it). Whoever adds a job does so
-- through app_private.add_job(), which runs as `app_definer`; the queue's tables have row security on.

do $$
declare
  v_table regclass;
begin
  grant usage on schema graphile_worker to app_definer;
  grant execute on all functions in schema graphile_worker to app_definer;
  -- Jobs that wait are part of a backup; pg_dump fails as a whole over a table or sequence that it may not read.
  grant usage on schema graphile_worker to app_backup;
  grant select on all tables in schema graphile_worker to app_backup;
  grant select on all sequences in schema graphile_worker to app_backup;
  for v_table in
    select c.oid::regclass
    from pg_catalog.pg_class c
    where c.relnamespace = 'graphile_worker'::regnamespace
    and c.relkind = 'r'
    and c.relname in ('_private_jobs', '_private_tasks', '_private_job_queues')
  loop
    execute format('grant select, insert, update, delete on %s to app_definer', v_table);
    -- Not dropped and made anew: that locks the table out, and a worker of another instance may be at work.
    if not exists (
      select from pg_catalog.pg_policy p where p.polrelid = v_table and p.polname = 'enqueue_definer'
    ) then
      execute format('create policy enqueue_definer on %s to app_definer using (true) with check (true)', v_table);
    end if;
  end loop;
end
$$;
