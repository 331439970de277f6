--! Previous: sha1:05207676fd695f093f8c3fcace8e0ffedeb67df0
--! Hash: sha1:341da0b7033edee641799b0b2bcedee62fac5004
--! Message: billing

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 100-billing.sql
do $$
begin
  if to_regtype('app_public.subscription_plan') is null then
    -- In the order of what they include: policies and features compare with >=.
    create type app_public.subscription_plan as enum ('free', 'starter', 'pro', 'enterprise');
  end if;
  if to_regtype('app_public.subscription_status') is null then
    create type app_public.subscription_status as enum (
      'trialing', 'active', 'past_due', 'paused', 'unpaid', 'incomplete', 'incomplete_expired', 'canceled'
    );
  end if;
end
$$;

-- What counts is computed from what was agreed: a subscription that is not paid for leaves the free plan and its 25 seats.
-- A payment that is late is still a customer's, until Stripe gives up on it and says so.
create table if not exists app_public.subscriptions (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null unique references app_public.organizations on delete cascade,
  plan app_public.subscription_plan not null default 'free',
  status app_public.subscription_status not null default 'active',
  seats integer not null default 25,
  effective_plan app_public.subscription_plan not null generated always as (
    case when status in ('trialing', 'active', 'past_due') then plan else 'free' end
  ) stored,
  effective_seats integer not null generated always as (
    case when status in ('trialing', 'active', 'past_due') then seats else least(seats, 25) end
  ) stored,
  period_start timestamptz,
  period_end timestamptz,
  stripe_customer_id text unique,
  stripe_subscription_id text unique,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  constraint subscriptions_seats_is_positive check (seats > 0),
  constraint subscriptions_period_ends_after_start check (period_end > period_start),
  constraint subscriptions_stripe_has_customer check (stripe_subscription_id is null or stripe_customer_id is not null)
);

-- Global: what can be switched is part of the software, like a table. The rows come with migrations.
create table if not exists app_public.feature_flag_definitions (
  id uuid primary key default app_hidden.uuid_v7(),
  key text not null unique,
  name text not null,
  description text not null,
  default_enabled boolean not null default true,
  minimum_plan app_public.subscription_plan,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint feature_flag_definitions_key_is_normal
    check (key ~ '^[a-z][a-z0-9]*(_[a-z0-9]+)*$' and length(key) <= 100),
  constraint feature_flag_definitions_name_is_short check (length(name) between 1 and 200)
);

create table if not exists app_public.organization_feature_flags (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null references app_public.organizations on delete cascade,
  flag_key text not null references app_public.feature_flag_definitions (key) on delete restrict,
  enabled boolean not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, flag_key)
);
create index if not exists organization_feature_flags_flag_key_idx on app_public.organization_feature_flags (flag_key);

-- What a provider sent, once per event however often it is delivered. Whose it is, is known when it is applied.
create table if not exists app_private.webhook_events (
  id uuid primary key default app_hidden.uuid_v7(),
  provider text not null,
  event_id text not null,
  payload jsonb not null,
  received_at timestamptz not null default now(),
  processed_at timestamptz,
  unique (provider, event_id),
  constraint webhook_events_provider_is_known check (provider in ('stripe', 'clerk')),
  constraint webhook_events_event_id_is_short check (length(event_id) between 1 and 255),
  constraint webhook_events_payload_is_object check (jsonb_typeof(payload) = 'object')
);
create index if not exists webhook_events_waiting_idx
  on app_private.webhook_events (received_at) where processed_at is null;

--! Included billing/subscriptions.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.subscriptions');
select app_private.allow_data_role('app_public.subscriptions');

create policy tenant_boundary on app_public.subscriptions
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- What a practice pays is its owners' business, and the operator's.
create policy select_owner on app_public.subscriptions
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
    or (select app_hidden.is_superadmin())
  );

-- Features are looked up for people who may not read the subscription, and a payment by its customer before it is known
-- whose it is.
create policy select_definer on app_public.subscriptions
  for select to app_definer
  using (true);
-- A new organization starts on the free plan; nobody starts on another.
create policy insert_definer on app_public.subscriptions
  for insert to app_definer
  with check (plan = 'free' and seats = 25 and stripe_customer_id is null);
-- Whoever takes a seat locks the row, which is a right to update. Nothing that is changed would pass.
create policy lock_definer on app_public.subscriptions
  for update to app_definer
  using (organization_id = (select app_hidden.seat_scope()))
  with check (false);

-- The job that applies what Stripe has sent, working for the organization whose subscription it is.
create policy select_worker on app_public.subscriptions
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));
create policy update_worker on app_public.subscriptions
  for update to app_worker
  using (organization_id = (select app_hidden.current_organization_id()))
  with check (organization_id = (select app_hidden.current_organization_id()));

grant select (
  id, organization_id, plan, status, seats, effective_plan, effective_seats, period_start, period_end,
  stripe_customer_id, stripe_subscription_id, created_at, updated_at, created_by, updated_by
) on app_public.subscriptions to app_user;
-- No insert, update or delete grant for requests: a plan is bought, not set.
grant
  select (organization_id, effective_plan, effective_seats, stripe_customer_id),
  insert (organization_id),
  update (id)
on app_public.subscriptions to app_definer;
grant
  select (
    id, organization_id, plan, status, seats, effective_plan, effective_seats, period_start, period_end,
    stripe_customer_id, stripe_subscription_id, updated_at
  ),
  update (plan, status, seats, period_start, period_end, stripe_customer_id, stripe_subscription_id)
on app_public.subscriptions to app_worker;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.subscriptions');
select app_private.audit_changes('app_public.subscriptions');

-- Documentation ---------------------------------------------------------------

-- Not `Subscription` in the API: that is what GraphQL calls its third kind of operation.
comment on table app_public.subscriptions is
  E'@name organization_subscriptions\nWhat an organization has bought. Every organization has one, a free one at first. Owners see it; payments change it.';
comment on column app_public.subscriptions.id is 'The subscription’s id.';
comment on column app_public.subscriptions.organization_id is 'The organization it is for.';
comment on column app_public.subscriptions.plan is 'The plan that was agreed.';
comment on column app_public.subscriptions.status is 'How payment stands, as Stripe says it.';
comment on column app_public.subscriptions.seats is
  'How many people may belong to the organization at a time, pending invitations included.';
comment on column app_public.subscriptions.effective_plan is
  'The plan that counts now: the agreed one while it is trialing, active or past due, else `FREE`.';
comment on column app_public.subscriptions.effective_seats is
  'The seats that count now: the agreed ones while the plan counts, else at most 25.';
comment on column app_public.subscriptions.period_start is 'When the period that is paid for began.';
comment on column app_public.subscriptions.period_end is 'When the period that is paid for ends, and the next is charged.';
comment on column app_public.subscriptions.stripe_customer_id is 'The organization’s id at Stripe.';
comment on column app_public.subscriptions.stripe_subscription_id is 'The subscription’s id at Stripe.';
comment on column app_public.subscriptions.created_at is 'When it was made.';
comment on column app_public.subscriptions.updated_at is 'When it last changed.';
comment on column app_public.subscriptions.created_by is 'Whose action made it, if it was a person’s.';
comment on column app_public.subscriptions.updated_by is 'Who changed it last, if it was a person.';
comment on constraint subscriptions_organization_id_fkey on app_public.subscriptions is
  E'@foreignSingleFieldName subscription';
comment on type app_public.subscription_plan is '@value free Costs nothing, and what every organization starts on.
@value starter For one clinic that wants to connect with services outside.
@value pro For practices whose figures come by themselves.
@value enterprise For everything else, as agreed.
What can be bought, in the order of what it includes.';
comment on type app_public.subscription_status is '@value trialing It is tried out; it counts.
@value active It is paid.
@value past_due A payment is late; it counts until Stripe gives up on it.
@value paused It was paused; it does not count.
@value unpaid Stripe has given up on a payment; it does not count.
@value incomplete The first payment is still to come; it does not count yet.
@value incomplete_expired The first payment never came.
@value canceled It has ended.
How payment for a subscription stands, in the words of Stripe.';
--! EndIncluded billing/subscriptions.sql
--! Included billing/keep_subscription.sql
set local role app_definer;

-- Every organization has a subscription from its first moment: its row is what whoever takes a seat locks.
create or replace function app_private.tg_organizations__keep_subscription() returns trigger as $$
begin
  insert into app_public.subscriptions (organization_id) values (NEW.id);
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_organizations__keep_subscription() to app_owner;

-- Organizations that are older than subscriptions.
insert into app_public.subscriptions (organization_id)
select o.id
from app_public.organizations o
where not exists (select from app_public.subscriptions s where s.organization_id = o.id);

reset role;

create or replace trigger _200_keep_subscription
  after insert on app_public.organizations
  for each row
  execute function app_private.tg_organizations__keep_subscription();
--! EndIncluded billing/keep_subscription.sql
--! Included billing/feature_flag_definitions.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.feature_flag_definitions');

-- Belongs to no tenant: what the software can do is no secret among those who use it.
create policy select_signed_in on app_public.feature_flag_definitions
  for select to app_user
  using ((select app_hidden.current_user_id()) is not null);

create policy select_definer on app_public.feature_flag_definitions
  for select to app_definer
  using (true);

-- A migration brings the rows, as the role of data migrations (known_features.sql): the owner's writes would touch none.
create policy all_data on app_public.feature_flag_definitions
  to app_data
  using (true)
  with check (true);

grant select (id, key, name, description, default_enabled, minimum_plan, created_at, updated_at)
on app_public.feature_flag_definitions to app_user;
grant select (key, default_enabled, minimum_plan) on app_public.feature_flag_definitions to app_definer;
grant
  select (key, name, description, default_enabled, minimum_plan),
  insert (key, name, description, default_enabled, minimum_plan),
  update (name, description, default_enabled, minimum_plan)
on app_public.feature_flag_definitions to app_data;
-- No write grant for requests, and no delete for anybody: code and policies name the keys.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.feature_flag_definitions');
select app_private.audit_changes('app_public.feature_flag_definitions', 'id', '');

-- Documentation ---------------------------------------------------------------

comment on table app_public.feature_flag_definitions is
  'A feature that not every organization has. `hasFeature` says whether one has it.';
comment on column app_public.feature_flag_definitions.id is 'The feature’s id.';
comment on column app_public.feature_flag_definitions.key is 'The name by which programs ask for it.';
comment on column app_public.feature_flag_definitions.name is 'What people call it.';
comment on column app_public.feature_flag_definitions.description is 'What one can do with it.';
comment on column app_public.feature_flag_definitions.default_enabled is
  'Whether plans that include it switch it on; otherwise it is switched on for one organization at a time.';
comment on column app_public.feature_flag_definitions.minimum_plan is
  'The smallest plan that includes it; null if every plan does.';
comment on column app_public.feature_flag_definitions.created_at is 'When it was introduced.';
comment on column app_public.feature_flag_definitions.updated_at is 'When this description last changed.';
--! EndIncluded billing/feature_flag_definitions.sql
--! Included billing/organization_feature_flags.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.organization_feature_flags');
select app_private.allow_data_role('app_public.organization_feature_flags');

create policy tenant_boundary on app_public.organization_feature_flags
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_administrator on app_public.organization_feature_flags
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or (select app_hidden.is_superadmin())
  );

create policy select_definer on app_public.organization_feature_flags
  for select to app_definer
  using (organization_id = any (array(select app_hidden.my_organization_ids())));

grant select (id, organization_id, flag_key, enabled, created_at, updated_at, created_by, updated_by)
on app_public.organization_feature_flags to app_user;
grant select (organization_id, flag_key, enabled) on app_public.organization_feature_flags to app_definer;
-- No write grant for requests: an exception to the plan is the operator's to make, as `app_data` and on record. It ends by
-- being set to what the plan says, not by a delete.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.organization_feature_flags');
select app_private.audit_changes('app_public.organization_feature_flags');

create or replace trigger _301_refuse_other_flag
  before update on app_public.organization_feature_flags
  for each row
  when (OLD.flag_key is distinct from NEW.flag_key)
  execute function app_private.tg__refuse_move();

-- Documentation ---------------------------------------------------------------

comment on table app_public.organization_feature_flags is
  'A feature that was switched on or off for one organization, whatever its plan says.';
comment on column app_public.organization_feature_flags.id is 'The exception’s id.';
comment on column app_public.organization_feature_flags.organization_id is 'The organization.';
comment on column app_public.organization_feature_flags.flag_key is 'The key of the feature.';
comment on column app_public.organization_feature_flags.enabled is 'Whether the organization has it.';
comment on column app_public.organization_feature_flags.created_at is 'When the exception was made.';
comment on column app_public.organization_feature_flags.updated_at is 'When it last changed.';
comment on column app_public.organization_feature_flags.created_by is 'Who made it, if it was a person.';
comment on column app_public.organization_feature_flags.updated_by is 'Who changed it last, if it was a person.';
comment on constraint organization_feature_flags_flag_key_fkey on app_public.organization_feature_flags is
  E'@fieldName definition\n@foreignFieldName exceptions';
--! EndIncluded billing/organization_feature_flags.sql
--! Included billing/known_features.sql
-- Every feature that a policy asks for. A line that changes here changes the row; the check at the end fails the migration
-- if row security had let a write touch nothing.
set local role app_data;

do $$
declare
  v_features jsonb := $json$[
    {
      "key": "integrations",
      "name": "Integrations",
      "description": "Connect a clinic with services outside, such as Google Sheets.",
      "default_enabled": true,
      "minimum_plan": "starter"
    },
    {
      "key": "scheduled_sync",
      "name": "Scheduled sync",
      "description": "Let integrations sync by themselves, every hour or every day.",
      "default_enabled": true,
      "minimum_plan": "pro"
    }
  ]$json$;
  v_missing text;
begin
  insert into app_public.feature_flag_definitions as d (key, name, description, default_enabled, minimum_plan)
  select f.key, f.name, f.description, f.default_enabled, f.minimum_plan
  from jsonb_to_recordset(v_features) as f (
    key text, name text, description text, default_enabled boolean, minimum_plan app_public.subscription_plan
  )
  on conflict (key) do update
  set name = excluded.name,
    description = excluded.description,
    default_enabled = excluded.default_enabled,
    minimum_plan = excluded.minimum_plan
  where (d.name, d.description, d.default_enabled, d.minimum_plan)
    is distinct from (excluded.name, excluded.description, excluded.default_enabled, excluded.minimum_plan);

  select string_agg(f.key, ', ') into v_missing
  from jsonb_to_recordset(v_features) as f (
    key text, name text, description text, default_enabled boolean, minimum_plan app_public.subscription_plan
  )
  where not exists (
    select from app_public.feature_flag_definitions d
    where (d.key, d.name, d.description, d.default_enabled) = (f.key, f.name, f.description, f.default_enabled)
    and d.minimum_plan is not distinct from f.minimum_plan
  );
  if v_missing is not null then
    raise exception 'The features % were not written as this file says.', v_missing;
  end if;
end
$$;

reset role;
--! EndIncluded billing/known_features.sql
--! Included billing/has_feature.sql
set local role app_definer;

-- Features that the caller's organizations have: what was switched for the organization itself, else what its plan
-- includes. A definer function, because members who may not see the subscription still have what it buys. It reads the
-- subscription in each statement: a plan that changes is felt by the next one, in the same transaction.
create or replace function app_hidden.my_features()
returns table (organization_id uuid, key text) as $$
  select s.organization_id, d.key
  from app_public.subscriptions s
  cross join app_public.feature_flag_definitions d
  left join app_public.organization_feature_flags f on f.organization_id = s.organization_id and f.flag_key = d.key
  where s.organization_id = any (array(select app_hidden.my_organization_ids()))
  and coalesce(f.enabled, d.default_enabled and s.effective_plan >= coalesce(d.minimum_plan, 'free'));
$$ language sql stable parallel safe security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.my_features() to app_user;

reset role;

-- For RESTRICTIVE policies: `organization_id = any (array(select app_hidden.organization_ids_with_feature('…')))`.
create or replace function app_hidden.organization_ids_with_feature(key text) returns setof uuid as $$
  select f.organization_id from app_hidden.my_features() f where f.key = organization_ids_with_feature.key;
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.has_feature(
  key text,
  organization_id uuid = app_hidden.default_organization_id()
) returns boolean as $$
  select exists (
    select from app_hidden.organization_ids_with_feature(has_feature.key) as o where o = has_feature.organization_id
  );
$$ language sql stable parallel safe set search_path to '';

-- `viewer.features`. Of somebody else, whom only a superadmin can see, it says nothing: features go with a request.
create or replace function app_public.users_features(person app_public.users) returns setof text as $$
  select f.key
  from app_hidden.my_features() f
  where users_features.person.id = (select app_hidden.current_user_id())
  and f.organization_id = (select app_hidden.default_organization_id())
  order by f.key;
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.organization_ids_with_feature(text) to app_user, app_definer;
grant execute on function
  app_public.has_feature(text, uuid),
  app_public.users_features(app_public.users)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.has_feature(text, uuid) is '@argument key The key of the feature, such as `integrations`.
Whether an organization of the caller (the active one, unless another is named) has a feature, by its plan or its own
exception.';
comment on function app_public.users_features(app_public.users) is
  E'@listSuffix omit\n@behavior -typeField:resource:connection +typeField:resource:list\nKeys of the features that the caller’s active organization has.';
--! EndIncluded billing/has_feature.sql
