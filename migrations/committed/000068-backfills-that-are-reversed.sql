--! Previous: sha1:1cbf3894383121fffacafc70ad1c0e8a2655fd8b
--! Hash: sha1:874a64096cad7619b192da5221f32b376c455f81
--! Message: backfills that are reversed

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

-- What a run needs to be gone on with and reversed: its table, whose rows, and by which statement.
alter table app_private.backfill_runs
  add column if not exists table_name text not null default '',
  add column if not exists organization_ids uuid[] not null default '{}',
  add column if not exists definition_hash text not null default '';
alter table app_private.backfill_runs
  alter column table_name drop default,
  alter column organization_ids drop default,
  alter column definition_hash drop default;

alter table app_private.backfill_runs drop constraint if exists backfill_runs_status_is_known;
alter table app_private.backfill_runs add constraint backfill_runs_status_is_known
  check (status in ('running', 'finished', 'failed', 'reverting', 'reverted'));

-- What the run made of the row, column by column: whoever changed it since would lose that by a reversal.
alter table app_private.backfill_originals add column if not exists written jsonb not null default '{}';
alter table app_private.backfill_originals alter column written drop default;

--! Included operations/backfills.sql
set local role app_definer;

-- Whose rows there are: `app_data` sees only the organizations that it has declared, which it cannot do before it knows them.
-- Security definer, because it shows the ids of all, and nothing else.
create or replace function app_private.organization_ids() returns setof uuid as $$
  select o.id from app_public.organizations o order by o.id;
$$ language sql stable parallel safe security definer set search_path to '';

grant execute on function app_private.organization_ids() to app_data;

reset role;

-- Access ----------------------------------------------------------------------

-- The operator's own records of data migrations. `app_data` writes its runs; nobody else has a grant.
select app_private.reset_access('app_private.backfill_runs');
select app_private.reset_access('app_private.backfill_batches');
select app_private.reset_access('app_private.backfill_issues');
select app_private.reset_access('app_private.backfill_originals');

create policy all_data on app_private.backfill_runs to app_data using (name <> '') with check (name <> '');
create policy all_data on app_private.backfill_batches to app_data using (number > 0) with check (number > 0);
create policy all_data on app_private.backfill_issues to app_data using (problem <> '') with check (problem <> '');
-- Originals hold patients' data as it was: only of the organizations that the run declares.
create policy all_in_data_scope on app_private.backfill_originals
  to app_data
  using ((original ->> 'organization_id')::uuid = any (app_hidden.data_scope()))
  with check ((original ->> 'organization_id')::uuid = any (app_hidden.data_scope()));

grant usage on schema app_private to app_data;
grant
  select,
  insert (name, rows_total, table_name, organization_ids, definition_hash),
  update (status, rows_done, rows_total, finished_at)
on app_private.backfill_runs to app_data;
grant select, insert (run_id, number, first_key, last_key, rows_changed) on app_private.backfill_batches to app_data;
grant select, insert (run_id, table_name, row_id, problem) on app_private.backfill_issues to app_data;
grant select, insert (run_id, table_name, row_id, original, written), delete
on app_private.backfill_originals to app_data;

-- Documentation ---------------------------------------------------------------

comment on table app_private.backfill_runs is 'One run of a data migration; a run that was interrupted goes on from its last batch.';
comment on table app_private.backfill_batches is 'A batch that is done, recorded in the same transaction as its changes.';
comment on table app_private.backfill_issues is 'A row that a run could not bring over, and why.';
comment on table app_private.backfill_originals is 'What a changed row was before, and what the run made of it, so that it can be reversed.';
--! EndIncluded operations/backfills.sql
