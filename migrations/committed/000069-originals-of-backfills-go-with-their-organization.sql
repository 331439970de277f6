--! Previous: sha1:874a64096cad7619b192da5221f32b376c455f81
--! Hash: sha1:3c718cf6f99d1a6586a348d69d1f330797821a3c
--! Message: originals of backfills go with their organization

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

-- What the rows of an organization were goes when the organization goes: it is patients' data.
alter table app_private.backfill_originals add column if not exists organization_id uuid not null
  generated always as ((original ->> 'organization_id')::uuid) stored;
delete from app_private.backfill_originals b
where not exists (select from app_public.organizations o where o.id = b.organization_id);
alter table app_private.backfill_originals
  drop constraint if exists backfill_originals_organization_id_fkey;
alter table app_private.backfill_originals add constraint backfill_originals_organization_id_fkey
  foreign key (organization_id) references app_public.organizations on delete cascade;
create index if not exists backfill_originals_organization_id_idx
  on app_private.backfill_originals (organization_id);

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
  using (organization_id = any (app_hidden.data_scope()))
  with check (organization_id = any (app_hidden.data_scope()));

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
