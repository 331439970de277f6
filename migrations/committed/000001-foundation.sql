--! Previous: -
--! Hash: sha1:7cdec3cf9148c3734585cfe3aee7e1b4fc960641
--! Message: foundation

--! split: 010-foundation.sql
create schema if not exists auth;
create schema if not exists app_public;
create schema if not exists app_hidden;
create schema if not exists app_private;
create schema if not exists app_audit;

--! Included foundation/schemas.sql
-- Access ----------------------------------------------------------------------

grant usage on schema app_public, app_hidden, auth to app_anonymous, app_user, app_worker, app_data, app_definer;
-- `app_private` gives no request role any way in; definer functions run as `app_definer`.
grant usage on schema app_private, app_audit to app_definer;
-- A backup reads everything and changes nothing.
grant usage on schema app_public, app_private, app_audit to app_backup;
-- Security definer functions are created by `app_definer`, so that it owns them and no one else has to.
grant create on schema app_public, app_hidden, app_private, app_audit to app_definer;

-- Documentation ---------------------------------------------------------------

comment on schema auth is 'Who is asking, under the names Supabase uses, so that the same policies run there.';
comment on schema app_public is 'Tables and functions of the API.';
comment on schema app_hidden is 'Policy helpers and lookups a request may execute but never sees in the API.';
comment on schema app_private is 'Secrets: password and token hashes, identities. No request role has any grant here.';
comment on schema app_audit is 'The record of what happened. Reached through views of app_public only.';
--! EndIncluded foundation/schemas.sql
--! Included foundation/request_context.sql
-- One reader for each fact that a request carries (src/auth/pgSettings.ts writes them). A setting that was never set is
-- NULL on a fresh connection and '' on a used one, hence nullif everywhere.

create or replace function auth.uid() returns uuid as $$
  select nullif(current_setting('jwt.claims.sub', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

create or replace function auth.role() returns text as $$
  select case when auth.uid() is null then 'anon' else 'authenticated' end;
$$ language sql stable parallel safe set search_path to '';

create or replace function auth.jwt() returns jsonb as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'sub', nullif(current_setting('jwt.claims.sub', true), ''),
    'sid', nullif(current_setting('jwt.claims.sid', true), ''),
    'role', auth.role()
  ));
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.current_session_id() returns uuid as $$
  select nullif(current_setting('jwt.claims.sid', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.current_organization_id() returns uuid as $$
  select nullif(current_setting('app.organization_id', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.current_clinic_id() returns uuid as $$
  select nullif(current_setting('app.clinic_id', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.request_id() returns text as $$
  select nullif(current_setting('app.request_id', true), '');
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.purpose_of_use() returns text as $$
  select nullif(current_setting('app.purpose_of_use', true), '');
$$ language sql stable parallel safe set search_path to '';

-- The organizations an import or backfill has declared (comma-separated); `app_data` reaches no other.
create or replace function app_hidden.data_scope() returns uuid[] as $$
  select string_to_array(nullif(current_setting('app.data_scope', true), ''), ',')::uuid[];
$$ language sql stable parallel safe set search_path to '';

-- The organization whose seats are being counted (billing/take_seat.sql); `app_definer` sees its memberships meanwhile.
create or replace function app_hidden.seat_scope() returns uuid as $$
  select nullif(current_setting('app.seat_scope', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  auth.uid(),
  auth.role(),
  auth.jwt(),
  app_hidden.current_session_id(),
  app_hidden.current_organization_id(),
  app_hidden.current_clinic_id(),
  app_hidden.request_id(),
  app_hidden.purpose_of_use()
to app_anonymous, app_user, app_worker, app_data, app_definer;
grant execute on function app_hidden.data_scope() to app_data, app_definer;
grant execute on function app_hidden.seat_scope() to app_definer;
--! EndIncluded foundation/request_context.sql
--! Included foundation/uuid_v7.sql
-- Time-ordered ids (RFC 9562, section 5.7) on every supported Postgres: `uuidv7()` is built in from 18 on only, and the
-- catalogue must not differ between versions. 48 bits of milliseconds, then the random bits of a v4 with its version set.
create or replace function app_hidden.uuid_v7() returns uuid as $$
  select encode(
    set_bit(
      set_bit(
        overlay(
          uuid_send(gen_random_uuid())
          placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
          from 1 for 6
        ),
        52, 1
      ),
      53, 1
    ),
    'hex'
  )::uuid;
$$ language sql volatile parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.uuid_v7()
to app_anonymous, app_user, app_worker, app_data, app_definer;
--! EndIncluded foundation/uuid_v7.sql
--! Included foundation/row_triggers.sql
-- What every table that people change does on its own: stamps who and when, and keeps the tenant of a row for ever.

create or replace function app_private.tg__stamp() returns trigger as $$
begin
  if TG_OP = 'INSERT' then
    NEW.created_at := coalesce(NEW.created_at, now());
    NEW.created_by := coalesce(auth.uid(), NEW.created_by);
    NEW.updated_at := NEW.created_at;
    NEW.updated_by := NEW.created_by;
  else
    NEW.created_at := OLD.created_at;
    NEW.created_by := OLD.created_by;
    -- clock_timestamp: two changes in one transaction must not look like one to whoever compares `updated_at`.
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at);
    NEW.updated_by := coalesce(auth.uid(), NEW.updated_by);
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace function app_private.tg__stamp_times() returns trigger as $$
begin
  if TG_OP = 'INSERT' then
    NEW.created_at := coalesce(NEW.created_at, now());
    NEW.updated_at := NEW.created_at;
  else
    NEW.created_at := OLD.created_at;
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at);
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

-- Fired by `update of <columns>` and a `when` that one of them changed: arguments are not needed.
create or replace function app_private.tg__refuse_move() returns trigger as $$
begin
  raise exception 'A record cannot be moved to another organization, clinic or id.' using errcode = 'BADIN';
end;
$$ language plpgsql volatile set search_path to '';

-- Gives a table those triggers, by the columns it has. Idempotent; part of each table's fixture.
create or replace function app_private.install_row_triggers(target regclass) returns void as $$
declare
  v_columns text[] := array(
    select a.attname
    from pg_catalog.pg_attribute a
    where a.attrelid = install_row_triggers.target and a.attnum > 0 and not a.attisdropped
  );
  v_fixed text[] := array(
    select c from unnest(array['id', 'organization_id', 'clinic_id', 'user_id']) as c
    where c = any (v_columns)
  );
begin
  execute format(
    'create or replace trigger _100_stamp before insert or update on %s for each row execute function %s()',
    install_row_triggers.target,
    case when 'created_by' = any (v_columns) then 'app_private.tg__stamp' else 'app_private.tg__stamp_times' end
  );
  execute format(
    'create or replace trigger _300_refuse_move before update on %s for each row when (%s)'
    ' execute function app_private.tg__refuse_move()',
    install_row_triggers.target,
    (select string_agg(format('OLD.%1$I is distinct from NEW.%1$I', c), ' or ') from unnest(v_fixed) as c)
  );
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded foundation/row_triggers.sql
--! Included foundation/announce_changes.sql
set local role app_definer;

-- Tells the subscribers of the API (plugins/ChangeSubscriptionsPlugin.ts) which rows changed. Ids only: whoever listens
-- on a channel reads it, and reads the row itself under their own policies. One notification a statement and scope, up
-- to what fits into one (8,000 bytes). An import tells nobody. Argument: the column that says whom it concerns.
create or replace function app_private.tg__announce() returns trigger as $$
begin
  if app_private.acting_role() = 'app_data' then
    return null;
  end if;
  execute format(
    'select pg_notify(%2$L || n.scope_id, jsonb_build_object(''operation'', %3$L, ''ids'', jsonb_agg(n.id))::text)'
    ' from (select c.id, c.%1$I as scope_id,'
    ' (row_number() over (partition by c.%1$I order by c.id) - 1) / 150 as part from changed_rows c) n'
    ' where n.scope_id is not null group by n.scope_id, n.part order by n.scope_id, n.part',
    TG_ARGV[0],
    TG_TABLE_NAME || ':',
    lower(TG_OP)
  );
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg__announce() to app_owner;

reset role;

-- Announces changes of a table on the channels `<table>:<value of scope_column>`. Idempotent.
create or replace function app_private.announce_changes(
  target regclass,
  scope_column name,
  commands text[] = '{insert,update,delete}'
) returns void as $$
declare
  v_command text;
begin
  foreach v_command in array announce_changes.commands loop
    execute format(
      'create or replace trigger _900_announce_%1$s after %1$s on %2$s referencing %3$s table as changed_rows'
      ' for each statement execute function app_private.tg__announce(%4$L)',
      v_command,
      announce_changes.target,
      case v_command when 'delete' then 'old' else 'new' end,
      announce_changes.scope_column
    );
  end loop;
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded foundation/announce_changes.sql
--! Included foundation/reset_access.sql
-- Each table's fixture starts its access section with this: row security enabled and forced, no policy, no grant. What
-- stands below the call is then the whole truth; a policy that was renamed or deleted in the file is really gone.
create or replace function app_private.reset_access(target regclass) returns void as $$
declare
  v_name name;
begin
  execute format('alter table %s enable row level security', reset_access.target);
  execute format('alter table %s force row level security', reset_access.target);
  for v_name in select p.polname from pg_catalog.pg_policy p where p.polrelid = reset_access.target loop
    execute format('drop policy %I on %s', v_name, reset_access.target);
  end loop;
  -- Revoking a table's privilege revokes it from every column too.
  execute format(
    'revoke all on %s from public, app_anonymous, app_user, app_worker, app_data, app_definer, app_authenticator',
    reset_access.target
  );
  execute format('grant select on %s to app_backup', reset_access.target);
end;
$$ language plpgsql volatile set search_path to '';

-- Lets imports and backfills write the rows of the organizations they have declared, and no others.
-- The sub-select reads the scope once a statement: once a row, a few hundred organizations made an import 10 times slower.
create or replace function app_private.allow_data_role(target regclass, organization_column name = 'organization_id')
returns void as $$
begin
  execute format(
    'create policy all_in_data_scope on %s to app_data'
    ' using (%2$I = any ((select app_hidden.data_scope())::uuid[]))'
    ' with check (%2$I = any ((select app_hidden.data_scope())::uuid[]))',
    allow_data_role.target,
    allow_data_role.organization_column
  );
  execute format('grant select, insert, update on %s to app_data', allow_data_role.target);
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded foundation/reset_access.sql
