--! Previous: sha1:b262d3b49dc1935acf0ee931c949d008b8e008fb
--! Hash: sha1:179ffc4dc44d51ae67999f154dbc784d13157d06
--! Message: webhooks

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 202-webhooks.sql
--! Included billing/subscriptions_stripe_version.sql
-- How new the state is that Stripe has told: when the subscription was made at Stripe, when the event happened, and what
-- kind it was (0 created, 1 updated, 2 deleted). Events arrive in any order; a smaller version than this changes nothing.
alter table app_public.subscriptions add column if not exists stripe_version bigint[];
--! EndIncluded billing/subscriptions_stripe_version.sql
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
    stripe_customer_id, stripe_subscription_id, stripe_version, updated_at
  ),
  update (plan, status, seats, period_start, period_end, stripe_customer_id, stripe_subscription_id, stripe_version)
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
comment on column app_public.subscriptions.stripe_version is 'How new the state is that Stripe has told; older events change nothing.';
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
--! Included billing/webhook_events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.webhook_events');

-- Only the functions below: an event belongs to nobody until it is applied.
create policy all_definer on app_private.webhook_events
  to app_definer
  using (true)
  with check (true);

grant
  select (id, provider, event_id, payload, processed_at),
  insert (provider, event_id, payload),
  update (payload, processed_at)
on app_private.webhook_events to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- Stores an event and hands it to a job; its id, or null if this event is here already: deliveries are repeated. The
-- gateway has verified the provider's signature and names the event in a setting that no header or claim reaches.
create or replace function app_hidden.receive_webhook(provider text, event_id text, payload jsonb) returns uuid as $$
declare
  v_id uuid;
begin
  if current_setting('app.verified_webhook', true) is distinct from
    format('%s:%s', receive_webhook.provider, receive_webhook.event_id)
  then
    raise exception 'Only an event whose signature was verified is received.' using errcode = 'DENYD';
  end if;
  insert into app_private.webhook_events (provider, event_id, payload)
  values (receive_webhook.provider, receive_webhook.event_id, receive_webhook.payload)
  on conflict do nothing
  returning id into v_id;
  if v_id is not null then
    perform app_private.add_job('webhook__apply', jsonb_build_object('webhookEventId', v_id));
  end if;
  return v_id;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- An event's provider and payload, if it waits to be applied. It is locked until the transaction ends, so that two jobs do
-- not apply it twice; the one that comes second gets nothing.
create or replace function app_hidden.take_webhook(id uuid) returns table (provider text, payload jsonb) as $$
  select e.provider, e.payload
  from app_private.webhook_events e
  where e.id = take_webhook.id
  and e.processed_at is null
  for update skip locked;
$$ language sql volatile strict security definer set search_path to '';

-- What it said is in our tables now, and personal data are not kept twice.
create or replace function app_hidden.finish_webhook(id uuid) returns void as $$
  update app_private.webhook_events e
  set processed_at = now(), payload = '{}'
  where e.id = finish_webhook.id;
$$ language sql volatile strict security definer set search_path to '';

-- The organization that pays as this customer: with it in `app.organization_id` the worker may change its subscription.
create or replace function app_hidden.organization_id_of_customer(stripe_customer_id text) returns uuid as $$
  select s.organization_id
  from app_public.subscriptions s
  where s.stripe_customer_id = organization_id_of_customer.stripe_customer_id;
$$ language sql stable strict parallel safe security definer set search_path to '';

grant execute on function app_hidden.receive_webhook(text, text, jsonb) to app_anonymous;
-- Before the gateway received them, the worker could.
revoke execute on function app_hidden.receive_webhook(text, text, jsonb) from app_worker;
grant execute on function
  app_hidden.take_webhook(uuid),
  app_hidden.finish_webhook(uuid),
  app_hidden.organization_id_of_customer(text)
to app_worker;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.webhook_events is
  'What Stripe and Clerk have sent, each event once. `processed_at` says when it took effect; then the payload goes.';
--! EndIncluded billing/webhook_events.sql
