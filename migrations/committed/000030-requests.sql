--! Previous: sha1:179ffc4dc44d51ae67999f154dbc784d13157d06
--! Hash: sha1:f33d4866b13dce685f33ecb84b59fa5160a9c88a
--! Message: requests

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 210-requests.sql
--! Included requests/idempotent_answers_table.sql
-- What a mutation with an `Idempotency-Key` has answered. Neither the key nor the answer is here: the key as a hash, the
-- answer sealed under the key, so that whoever reads this table learns nothing of what was asked or answered.
create table if not exists app_private.idempotent_answers (
  id uuid primary key default app_hidden.uuid_v7(),
  -- A person's keys mean nothing to others, and in one organization nothing in another.
  user_id uuid not null references app_public.users on delete cascade,
  organization_id uuid references app_public.organizations on delete cascade,
  key_hash bytea not null,
  request_hash bytea not null,
  sealed_answer bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '24 hours',
  unique nulls not distinct (user_id, organization_id, key_hash),
  constraint idempotent_answers_hashes_are_sha256
    check (octet_length(key_hash) = 32 and octet_length(request_hash) = 32),
  constraint idempotent_answers_sealed_answer_is_bounded
    check (octet_length(sealed_answer) between 28 and 1048576)
);
create index if not exists idempotent_answers_expires_at_idx on app_private.idempotent_answers (expires_at);
create index if not exists idempotent_answers_organization_id_idx on app_private.idempotent_answers (organization_id);
--! EndIncluded requests/idempotent_answers_table.sql
--! Included requests/idempotent_answers.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.idempotent_answers');

-- Only the functions below, each of which asks for the caller's own.
create policy all_definer on app_private.idempotent_answers
  to app_definer
  using (true)
  with check (true);

grant
  select,
  insert (user_id, organization_id, key_hash, request_hash, sealed_answer),
  delete
on app_private.idempotent_answers to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- Takes a key of the caller for this transaction. The sealed answer if the request has been answered, null if it is new.
-- Two requests with one key at the same time: the second is told so at once and does not wait.
create or replace function app_hidden.claim_idempotency_key(key_hash bytea, request_hash bytea) returns bytea as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_organization_id uuid := app_hidden.current_organization_id();
  v_answer app_private.idempotent_answers;
begin
  if v_user_id is null then
    raise exception 'Sign in to use an Idempotency-Key.' using errcode = 'UNAUT';
  end if;
  if not pg_try_advisory_xact_lock(
    hashtextextended(concat_ws(' ', 'idempotency', v_user_id, v_organization_id, encode(key_hash, 'hex')), 0)
  ) then
    raise exception 'A request with this Idempotency-Key is running. Wait for its answer.' using errcode = 'IDEMP';
  end if;

  select a.*
  into v_answer
  from app_private.idempotent_answers a
  where a.user_id = v_user_id
  and a.organization_id is not distinct from v_organization_id
  and a.key_hash = claim_idempotency_key.key_hash;

  if v_answer.expires_at <= now() then
    delete from app_private.idempotent_answers a where a.id = v_answer.id;
    return null;
  end if;
  if v_answer.request_hash <> claim_idempotency_key.request_hash then
    raise exception 'This Idempotency-Key was used for another request.' using errcode = 'IDEMP';
  end if;
  return v_answer.sealed_answer;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Keeps the answer for a day, in the transaction of what it is about. The key has to be claimed in it before.
create or replace function app_hidden.keep_idempotent_answer(
  key_hash bytea,
  request_hash bytea,
  sealed_answer bytea
) returns void as $$
  insert into app_private.idempotent_answers (user_id, organization_id, key_hash, request_hash, sealed_answer)
  values (
    app_hidden.current_user_id(),
    app_hidden.current_organization_id(),
    keep_idempotent_answer.key_hash,
    keep_idempotent_answer.request_hash,
    keep_idempotent_answer.sealed_answer
  );
$$ language sql volatile strict security definer set search_path to '';

-- Deletes answers whose day is over, at most a batch; how many.
create or replace function app_hidden.delete_expired_answers() returns integer as $$
  with deleted as (
    delete from app_private.idempotent_answers
    where id in (
      select a.id from app_private.idempotent_answers a where a.expires_at <= now() order by a.expires_at limit 10000
    )
    returning 1
  )
  select count(*)::int from deleted;
$$ language sql volatile security definer set search_path to '';

grant execute on function
  app_hidden.claim_idempotency_key(bytea, bytea),
  app_hidden.keep_idempotent_answer(bytea, bytea, bytea)
to app_user;
grant execute on function app_hidden.delete_expired_answers() to app_worker;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.idempotent_answers is
  'What mutations with an Idempotency-Key have answered, sealed under that key, for a day.';
--! EndIncluded requests/idempotent_answers.sql
