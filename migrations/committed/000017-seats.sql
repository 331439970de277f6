--! Previous: sha1:341da0b7033edee641799b0b2bcedee62fac5004
--! Hash: sha1:91abe0990306da8f14da75318ad71d41ca873c0f
--! Message: seats

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 105-seats.sql
-- Seats, and what payments send; the tables are in the migration before.

--! Included billing/take_seat.sql
set local role app_definer;

-- Seats that are taken: by active members, and if asked for by people who are invited and may still come. Somebody who is
-- invited twice, or is a member already (and invited into one more clinic), takes one.
create or replace function app_private.seats_taken(organization_id uuid, with_invited boolean) returns bigint as $$
  select count(*)
  from (
    select u.email
    from app_public.organization_memberships m
    join app_public.users u on u.id = m.user_id
    where m.organization_id = seats_taken.organization_id
    and m.active
  ) as members
  full join (
    select distinct i.email
    from app_public.invitations i
    where i.organization_id = seats_taken.organization_id
    and seats_taken.with_invited
    and i.accepted_at is null
    and i.revoked_at is null
    and i.expires_at > now()
  ) as invited using (email);
$$ language sql stable set search_path to '';

-- Runs after each row that takes a seat, and lets one transaction at a time take one of an organization's: the second
-- waits for the row of the subscription and then counts what the first has left, because under READ COMMITTED each
-- statement of a function sees what was committed before it began.
create or replace function app_private.tg__take_seat() returns trigger as $$
declare
  v_seats integer;
  v_user_id uuid := (to_jsonb(NEW) ->> 'user_id')::uuid;
begin
  -- An import brings people as they were; it is the next one to come who finds no seat.
  if app_private.acting_role() = 'app_data' then
    return null;
  end if;
  perform set_config('app.seat_scope', NEW.organization_id::text, true);
  select s.effective_seats into strict v_seats
  from app_public.subscriptions s
  where s.organization_id = NEW.organization_id
  for update;
  -- Whoever accepts in this transaction was invited to a seat, and does not stand in line behind others who are invited.
  if v_seats < app_private.seats_taken(
    NEW.organization_id,
    not exists (
      select from app_public.invitations i
      where i.organization_id = NEW.organization_id
      and i.accepted_by = v_user_id
      and i.accepted_at = now()
    )
  ) then
    raise exception 'The organization has no free seat left; its plan has %.', v_seats using errcode = 'SEATS';
  end if;
  perform set_config('app.seat_scope', '', true);
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg__take_seat() to app_owner;

reset role;

-- A constraint trigger cannot be replaced, hence the drops. Two for each table: only an update has an OLD row to look at.

drop trigger if exists _400_take_seat_insert on app_public.organization_memberships;
create constraint trigger _400_take_seat_insert
  after insert on app_public.organization_memberships
  for each row
  when (NEW.active)
  execute function app_private.tg__take_seat();

drop trigger if exists _400_take_seat_update on app_public.organization_memberships;
create constraint trigger _400_take_seat_update
  after update on app_public.organization_memberships
  for each row
  when (NEW.active and not OLD.active)
  execute function app_private.tg__take_seat();

drop trigger if exists _400_take_seat_insert on app_public.invitations;
create constraint trigger _400_take_seat_insert
  after insert on app_public.invitations
  for each row
  when (NEW.accepted_at is null and NEW.revoked_at is null)
  execute function app_private.tg__take_seat();

-- An invitation that comes back to life takes a seat like a new one.
drop trigger if exists _400_take_seat_update on app_public.invitations;
create constraint trigger _400_take_seat_update
  after update on app_public.invitations
  for each row
  when (
    NEW.accepted_at is null
    and NEW.revoked_at is null
    and (OLD.accepted_at is not null or OLD.revoked_at is not null or NEW.expires_at > OLD.expires_at)
  )
  execute function app_private.tg__take_seat();
--! EndIncluded billing/take_seat.sql
--! Included billing/webhook_events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.webhook_events');

-- Only the three functions below, which only the worker may call: an event belongs to nobody until it is applied.
create policy all_definer on app_private.webhook_events
  to app_definer
  using (true)
  with check (true);

grant
  select (id, provider, event_id, payload, processed_at),
  insert (provider, event_id, payload),
  update (processed_at)
on app_private.webhook_events to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- Stores an event that a provider signed; its id, or null if this event is here already: deliveries are repeated.
create or replace function app_hidden.receive_webhook(provider text, event_id text, payload jsonb) returns uuid as $$
  insert into app_private.webhook_events (provider, event_id, payload)
  values (receive_webhook.provider, receive_webhook.event_id, receive_webhook.payload)
  on conflict do nothing
  returning id;
$$ language sql volatile strict security definer set search_path to '';

-- An event's provider and payload, if it waits to be applied. It is locked until the transaction ends, so that two jobs do
-- not apply it twice; the one that comes second gets nothing.
create or replace function app_hidden.take_webhook(id uuid) returns table (provider text, payload jsonb) as $$
  select e.provider, e.payload
  from app_private.webhook_events e
  where e.id = take_webhook.id
  and e.processed_at is null
  for update skip locked;
$$ language sql volatile strict security definer set search_path to '';

create or replace function app_hidden.finish_webhook(id uuid) returns void as $$
  update app_private.webhook_events e
  set processed_at = now()
  where e.id = finish_webhook.id;
$$ language sql volatile strict security definer set search_path to '';

-- The organization that pays as this customer: with it in `app.organization_id` the worker may change its subscription.
create or replace function app_hidden.organization_id_of_customer(stripe_customer_id text) returns uuid as $$
  select s.organization_id
  from app_public.subscriptions s
  where s.stripe_customer_id = organization_id_of_customer.stripe_customer_id;
$$ language sql stable strict parallel safe security definer set search_path to '';

grant execute on function
  app_hidden.receive_webhook(text, text, jsonb),
  app_hidden.take_webhook(uuid),
  app_hidden.finish_webhook(uuid),
  app_hidden.organization_id_of_customer(text)
to app_worker;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.webhook_events is
  'What Stripe and Clerk have sent, each event once. `processed_at` says when it took effect.';
--! EndIncluded billing/webhook_events.sql
