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

--!include billing/subscriptions.sql
--!include billing/keep_subscription.sql
--!include billing/feature_flag_definitions.sql
--!include billing/organization_feature_flags.sql
--!include billing/known_features.sql
--!include billing/has_feature.sql
--!include billing/take_seat.sql
--!include billing/webhook_events.sql
