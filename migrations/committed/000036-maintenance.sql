--! Previous: sha1:d719692ea17c5110c388ad56759a708d1761190a
--! Hash: sha1:e8efb5ef4e791bad31ebbcae21e83b19a0b8cb62
--! Message: maintenance

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 31-maintenance.sql
--! Included operations/maintenance_table.sql
-- What the nightly look at tables and indexes has found, each night one row.
create table if not exists app_private.maintenance_reports (
  id uuid primary key default app_hidden.uuid_v7(),
  created_at timestamptz not null default now(),
  findings jsonb not null
);
create index if not exists maintenance_reports_created_at_idx on app_private.maintenance_reports (created_at);
--! EndIncluded operations/maintenance_table.sql
--! Included operations/maintenance.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.maintenance_reports');

create policy all_definer on app_private.maintenance_reports
  to app_definer
  using (jsonb_typeof(findings) = 'array')
  with check (jsonb_typeof(findings) = 'array');

grant select, insert (findings), delete on app_private.maintenance_reports to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- Names and figures of the catalogue, of no row: tables of which a fifth is dead rows, and indexes of 1 MB and more that
-- nothing was ever read through. Keeps them, for 90 nights, and returns them.
create or replace function app_hidden.keep_maintenance_report() returns jsonb as $$
  delete from app_private.maintenance_reports r where r.created_at < now() - interval '90 days';
  insert into app_private.maintenance_reports (findings)
  select coalesce(jsonb_agg(f.finding), '[]')
  from (
    select jsonb_build_object(
      'kind', 'bloated_table', 'object', s.relid::regclass::text, 'deadRows', s.n_dead_tup, 'liveRows', s.n_live_tup
    ) as finding
    from pg_catalog.pg_stat_user_tables s
    where s.n_dead_tup > 10000 and s.n_dead_tup > 0.2 * s.n_live_tup
    union all
    select jsonb_build_object(
      'kind', 'unused_index', 'object', s.indexrelid::regclass::text, 'bytes', pg_catalog.pg_relation_size(s.indexrelid)
    )
    from pg_catalog.pg_stat_user_indexes s
    join pg_catalog.pg_index i on i.indexrelid = s.indexrelid
    where s.idx_scan = 0 and not i.indisunique and pg_catalog.pg_relation_size(s.indexrelid) >= 1048576
  ) f
  returning findings;
$$ language sql volatile security definer set search_path to '';

grant execute on function app_hidden.keep_maintenance_report() to app_worker;

reset role;

-- Definer of the owner, because nobody else may refresh a table's statistics. It reads nothing out, and is given a table of ours
-- or refuses. Partitioned tables need it: autovacuum leaves their statistics alone.
create or replace function app_hidden.analyze_table(target regclass) returns void as $$
begin
  if not exists (
    select
    from pg_catalog.pg_class c
    where c.oid = analyze_table.target
    and c.relkind in ('r', 'p')
    and c.relnamespace::regnamespace::text ~ '^app_'
  ) then
    raise exception 'Only tables of the application are analyzed.' using errcode = 'BADIN';
  end if;
  execute format('analyze %s', analyze_table.target);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.analyze_table(regclass) to app_worker;

-- Documentation ---------------------------------------------------------------

comment on table app_private.maintenance_reports is
  'What the nightly look at tables and indexes has found: bloat, and indexes that nothing was read through.';
--! EndIncluded operations/maintenance.sql
