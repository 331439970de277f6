--! Previous: sha1:cfee964cca3205f1f20da36df29bca905424dcf0
--! Hash: sha1:cc2313f545b35ac48cb9bb23e6d229b1d7dc60d7
--! Message: end-shares-and-events-with-their-owners

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! Included jobs/address_mail.sql
set local role app_definer;

-- Whom a mail goes to, and the code that its link ends with, if any; no row when there is nobody to write to (any more).
-- Definer, because a worker reads no addresses and no codes otherwise. The code is new with each call and only its hash
-- is kept: a mail that is tried again carries another one, and the one of the copy before still works.
create or replace function app_hidden.address_mail(template text, user_id uuid, subject_id uuid)
returns table (address text, code text) as $$
declare
  v_code text := encode(extensions.gen_random_bytes(32), 'hex');
  v_hash bytea := sha256(convert_to(v_code, 'UTF8'));
begin
  case address_mail.template
    when 'verify_email' then
      delete from app_private.email_tokens t
      where t.token_hash in (
        select e.token_hash
        from app_private.email_tokens e
        where e.expires_at <= now()
        order by e.expires_at
        limit 10
        for update skip locked
      );
      return query
        insert into app_private.email_tokens as t (token_hash, user_id, email, expires_at)
        select v_hash, u.id, u.email, now() + interval '1 day'
        from app_public.users u
        where u.id = address_mail.user_id
        and u.email is not null
        and u.email_verified_at is null
        and u.deleted_at is null
        returning t.email, v_code;
    when 'registration' then
      return query select a.address, a.code from app_private.address_registration(address_mail.subject_id, v_code) a;
    when 'invitation' then
      return query
        update app_public.invitations i
        set mailed_code_hash = v_hash, earlier_mailed_code_hash = i.mailed_code_hash
        where i.id = address_mail.subject_id
        and i.accepted_at is null
        and i.revoked_at is null
        and i.expires_at > now()
        returning i.email::text, v_code;
    when 'weekly_report', 'export_ready', 'break_glass_opened', 'break_glass_unreviewed' then
      return query
        select u.email::text, null::text
        from app_public.users u
        where u.id = address_mail.user_id
        and u.email is not null
        and u.email_verified_at is not null
        and u.deleted_at is null;
  end case;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_hidden.address_mail(text, uuid, uuid) to app_worker;

-- The person who was invited gets a code of their own by mail; the one that `invite_member` shows is for handing it over.
create or replace function app_private.tg_invitations__mail() returns trigger as $$
begin
  if app_private.acting_role() <> 'app_data' then
    perform app_private.add_job('mail__send', jsonb_build_object('template', 'invitation', 'subjectId', NEW.id));
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_invitations__mail() to app_owner;

reset role;

create or replace trigger _900_mail
  after insert on app_public.invitations
  for each row
  execute function app_private.tg_invitations__mail();
--! EndIncluded jobs/address_mail.sql
--! Included vault/share_reader.sql
-- The one way into the vault for somebody who is not the owner: functions owned by `app_share_reader` (a role that
-- nobody can sign in as), whose policies say "a share that is open now": by the hash of the token that the function was
-- called with, or to the caller's clinic. Such a function can do no more than its policies, whatever is written in it.

-- Set by those functions while they run. Somebody who set it otherwise would need a token's hash, and still the role.
create or replace function app_hidden.share_token_hash() returns bytea as $$
  select decode(nullif(current_setting('app.share_token_hash', true), ''), 'hex');
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.share_token_hash(),
  app_hidden.uuid_v7(),
  auth.uid()
to app_share_reader;

set local role app_definer;
grant execute on function app_hidden.clinic_ids_with_role(app_public.clinic_role[]) to app_share_reader;

-- Whether a sharer's account is open: whoever has closed it can take nothing back any more. Definer, because nobody who opens
-- a share reads users. The cost has Postgres ask this last, of the shares that are open otherwise.
create or replace function app_hidden.is_open_account(user_id uuid) returns boolean as $$
  select exists (
    select from app_public.users u where u.id = is_open_account.user_id and u.deleted_at is null
  );
$$ language sql stable strict parallel safe security definer cost 100000 set search_path to '';

grant execute on function app_hidden.is_open_account(uuid) to app_share_reader;
reset role;
--! EndIncluded vault/share_reader.sql
--! Included vault/healthcare_shares.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.healthcare_shares', 'app_share_reader');

create policy select_owner on app_vault.healthcare_shares
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_owner on app_vault.healthcare_shares
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

create policy update_owner on app_vault.healthcare_shares
  for update to app_user
  using (user_id = (select app_hidden.current_user_id()))
  with check (user_id = (select app_hidden.current_user_id()));

-- A share that is open now: the token in this statement is its, or it was given to a clinic in which the caller treats
-- patients. A superadmin treats nobody by being one. All of a person's end with their account, however that was closed.
create policy select_share_reader on app_vault.healthcare_shares
  for select to app_share_reader
  using (
    revoked_at is null
    and expires_at > now()
    and (
      id in (select t.share_id from app_vault.share_tokens t)
      or recipient_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
    )
    and app_hidden.is_open_account(user_id)
  );

grant
  select (id, user_id, recipient_clinic_id, expires_at, revoked_at, created_at, updated_at),
  insert (recipient_clinic_id, expires_at),
  update (revoked_at)
on app_vault.healthcare_shares to app_user;
grant select (id, user_id, recipient_clinic_id, expires_at, revoked_at)
on app_vault.healthcare_shares to app_share_reader;
-- No delete grant: a share is revoked and stays on record with everybody who opened it.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.healthcare_shares');
select app_private.audit_changes('app_vault.healthcare_shares', 'id', '');

create or replace trigger _300_stay_revoked
  before update of revoked_at on app_vault.healthcare_shares
  for each row
  when (OLD.revoked_at is not null and NEW.revoked_at is distinct from OLD.revoked_at)
  execute function app_private.tg__stay_revoked();

-- A redemption looks at the newest state of the token only: so the links of a share end with it.
create or replace function app_private.tg_healthcare_shares__revoke_tokens() returns trigger as $$
begin
  update app_vault.share_tokens t
  set revoked_at = NEW.revoked_at
  where t.user_id = NEW.user_id
  and t.share_id = NEW.id
  and t.revoked_at is null;
  return null;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _400_revoke_tokens
  after update of revoked_at on app_vault.healthcare_shares
  for each row
  when (OLD.revoked_at is null and NEW.revoked_at is not null)
  execute function app_private.tg_healthcare_shares__revoke_tokens();

create or replace function app_vault.revoke_healthcare_share(share_id uuid) returns app_vault.healthcare_shares as $$
declare
  v_share app_vault.healthcare_shares;
begin
  update app_vault.healthcare_shares s
  set revoked_at = coalesce(s.revoked_at, now())
  where s.id = revoke_healthcare_share.share_id
  returning * into v_share;
  if v_share.id is null then
    raise exception 'There is no such share.' using errcode = 'NTFND';
  end if;
  return v_share;
end;
$$ language plpgsql volatile strict set search_path to '';

grant execute on function app_vault.revoke_healthcare_share(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on table app_vault.healthcare_shares is
  E'@behavior -update -resource:aggregates -resource:groupedAggregates\nThat a person lets others read some of their encrypted records: whoever has a link, and if a clinic is named, its providers. Needs the share’s key too, which travels in the link’s fragment.';
comment on column app_vault.healthcare_shares.id is 'The share’s id.';
comment on column app_vault.healthcare_shares.user_id is 'Who shares.';
comment on column app_vault.healthcare_shares.recipient_clinic_id is
  'The clinic whose providers and admins may open it when they are signed in; null if a link is the only way.';
comment on column app_vault.healthcare_shares.expires_at is 'Until when it can be opened: a year at most.';
comment on column app_vault.healthcare_shares.revoked_at is 'When it was taken back.';
comment on column app_vault.healthcare_shares.created_at is 'When it was made.';
comment on column app_vault.healthcare_shares.updated_at is 'When it last changed.';
comment on function app_vault.revoke_healthcare_share(uuid) is
  E'@argument share_id The share.\nTakes a share back for good, with all its links. What was read before cannot be unread.';
--! EndIncluded vault/healthcare_shares.sql
--! Included vault/redeem_share.sql
set local role app_share_reader;

-- A share's records with the keys that the share's own key opens. Only under the policies of `app_share_reader`.
create or replace function app_vault.shared_records(share_id uuid) returns setof app_vault.shared_record as $$
  select
    r.share_id, d.id, d.user_id, d.version, d.envelope_version, d.algorithm, d.key_id, d.nonce, d.ciphertext,
    r.key_id, r.nonce, r.ciphertext
  from app_vault.healthcare_share_records r
  join app_vault.encrypted_cycle_data d on d.user_id = r.user_id and d.id = r.record_id
  where r.share_id = shared_records.share_id
  order by d.id;
$$ language sql stable set search_path to '';
-- Invoker and granted to nobody: the two functions below call it as its owner.

-- One answer for a token that is unknown, used up, expired, revoked or of a closed account, after the same look-up. One
-- UPDATE decides who of many callers has the last use.
create or replace function app_vault.redeem_share(token text) returns setof app_vault.shared_record as $$
declare
  v_token record;
begin
  perform set_config('app.share_token_hash', encode(sha256(convert_to(redeem_share.token, 'UTF8')), 'hex'), true);
  update app_vault.share_tokens t
  set uses = t.uses + 1
  from app_vault.healthcare_shares s
  where t.token_hash = app_hidden.share_token_hash()
  and t.revoked_at is null
  and t.expires_at > now()
  and t.uses < t.max_uses
  and s.id = t.share_id
  returning t.id, t.user_id, t.share_id into v_token;
  if not found then
    raise exception 'This link does not exist or can no longer be used.' using errcode = 'NTFND';
  end if;
  insert into app_vault.share_accesses (user_id, share_id, token_id, reader_id)
  values (v_token.user_id, v_token.share_id, v_token.id, auth.uid());
  return query select * from app_vault.shared_records(v_token.share_id);
  perform set_config('app.share_token_hash', '', true);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Whether redeem_share() would open something now. Spends no use and leaves no trace; a token cannot be guessed.
create or replace function app_vault.validate_share_token(token text) returns boolean as $$
declare
  v_is_valid boolean;
begin
  perform set_config(
    'app.share_token_hash', encode(sha256(convert_to(validate_share_token.token, 'UTF8')), 'hex'), true
  );
  v_is_valid := exists (
    select
    from app_vault.share_tokens t
    join app_vault.healthcare_shares s on s.id = t.share_id
    where t.token_hash = app_hidden.share_token_hash()
    and t.revoked_at is null
    and t.expires_at > now()
    and t.uses < t.max_uses
  );
  perform set_config('app.share_token_hash', '', true);
  return v_is_valid;
end;
$$ language plpgsql stable strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_vault.redeem_share(text), app_vault.validate_share_token(text)
to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_vault.shared_records(uuid) is E'@behavior -*\nThe records of an open share.';
comment on function app_vault.redeem_share(text) is
  E'@sensitivity phi\n@argument token The token from the link’s fragment. Never send the key.\nOpens a share with the token of a link, signed in or not, and spends one use. The answer is the same for a token that is unknown, used up, expired, revoked or of a closed account.';
comment on function app_vault.validate_share_token(text) is
  E'@argument token The token from the link’s fragment.\nWhether a link would open a share now. Spends no use, and does not say why not.';

reset role;

comment on type app_vault.shared_record is
  'A record of a share, still encrypted: the key in the link’s fragment opens `wrappedKey`, and that opens the record.';
comment on column app_vault.shared_record.share_id is 'The share.';
comment on column app_vault.shared_record.record_id is 'The record.';
comment on column app_vault.shared_record.user_id is 'Whose record it is; part of what the encryption is bound to.';
comment on column app_vault.shared_record.version is 'The version of the record.';
comment on column app_vault.shared_record.envelope_version is 'The form of the envelope; 1.';
comment on column app_vault.shared_record.algorithm is 'AES-256-GCM or XChaCha20-Poly1305.';
comment on column app_vault.shared_record.key_id is 'The data key that opens the record.';
comment on column app_vault.shared_record.nonce is 'The nonce of the record.';
comment on column app_vault.shared_record.ciphertext is 'The sealed record.';
comment on column app_vault.shared_record.wrapped_key_id is
  'The data key that was shared. If it is another than `keyId`, the owner has changed keys since: ask them to share again.';
comment on column app_vault.shared_record.wrapped_key_nonce is 'The nonce of the wrapped key.';
comment on column app_vault.shared_record.wrapped_key is 'The data key under the share’s key.';
--! EndIncluded vault/redeem_share.sql
--! Included access/explain_access.sql
-- explain_access() for requests: an administrator of an organization asks what a member may do with a row of it, and why. The
-- row is looked at by `app_access_reader`, the policies are asked by `app_access_judge`, and no content comes back. The
-- command line asks the same questions over its own connection (src/access/why).

grant execute on function
  app_hidden.access_questions(regclass, name, text),
  app_hidden.expression_arms(text),
  app_hidden.access_query(regclass, name, text, boolean),
  app_hidden.access_grants(regclass, name, text),
  app_hidden.access_verdict(regclass, name, text, boolean[], jsonb[])
to app_access_judge;

set local role app_access_reader;

-- Of a row, its tenant and the columns that the table's policies compare: nothing else is needed. Null for a row that is not
-- there, is not of an organization that the caller administers, or belongs to no organization.
create or replace function app_hidden.explained_row(target regclass, row_id uuid) returns jsonb as $$
declare
  v_pairs text;
  v_row jsonb;
begin
  select string_agg(format('%L, t.%I', a.attname, a.attname), ', ')
  into v_pairs
  from pg_catalog.pg_attribute a
  where a.attrelid = explained_row.target and a.attnum > 0 and not a.attisdropped
  and (
    a.attname in ('id', 'organization_id', 'clinic_id')
    or exists (
      select from pg_catalog.pg_policy p
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
      where p.polrelid = explained_row.target
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = p.polrelid and d.refobjsubid = a.attnum
    )
  )
  and exists (
    select from pg_catalog.pg_policy p where p.polrelid = explained_row.target and p.polname = 'select_explained'
  );
  if v_pairs is null or not v_pairs like '%t.id%' then
    return null;
  end if;
  execute format('select jsonb_build_object(%s) from %s t where t.id = $1', v_pairs, explained_row.target)
  into v_row
  using explained_row.row_id;
  return v_row;
end;
$$ language plpgsql stable security definer set search_path to '';

-- Whether somebody is a member of an organization that the caller administers. Not of somebody who is a patient of it as well:
-- what they may see would tell whose record a row is.
create or replace function app_hidden.is_explained_member(person_id uuid, organization_id uuid) returns boolean as $$
  select exists (
    select from app_public.organization_memberships m
    where m.organization_id = is_explained_member.organization_id and m.user_id = is_explained_member.person_id
  ) and not exists (
    select from app_public.patients p
    where p.organization_id = is_explained_member.organization_id and p.portal_user_id = is_explained_member.person_id
  );
$$ language sql stable security definer set search_path to '';

grant execute on function
  app_hidden.explained_row(regclass, uuid),
  app_hidden.is_explained_member(uuid, uuid)
to app_access_judge;

reset role;
set local role app_definer;

-- That an administrator asked, on record twice: about the row, and about the person.
create or replace function app_hidden.record_explanation(organization_id uuid, target regclass, row_id uuid, person_id uuid)
returns void as $$
begin
  insert into app_audit.events (
    organization_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields, purpose_of_use,
    request_id, address_hash, device_hash, operation, document_hash
  )
  select record_explanation.organization_id, f.actor_id, f.session_id, f.actor_role, 'EXPLAIN', e.table_name, e.row_id,
    '{}', f.purpose_of_use, f.request_id, f.address_hash, f.device_hash, f.operation, f.document_hash
  from (values (target::text, record_explanation.row_id), ('app_public.users', person_id)) as e (table_name, row_id),
    app_private.describe_request() as f;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_hidden.record_explanation(uuid, regclass, uuid, uuid) to app_access_judge;

reset role;
set local role app_access_judge;

-- The verdict about a row as the person it is about. Only the functions of this role may call it. The identity is taken on in a
-- block that always ends by an exception: rolling it back brings the caller's back, whatever the policies do in between.
create or replace function app_hidden.judge_access(person_id uuid, target regclass, target_row jsonb, command text)
returns jsonb as $$
declare
  v_query text := app_hidden.access_query(target, 'app_user', judge_access.command);
  v_setting text;
  v_literal text;
  v_results boolean[] := '{}';
  v_evidence jsonb[];
  v_is_closed boolean := false;
begin
  execute format('select array[jsonb_populate_record(null::%s, $1)]::text', judge_access.target)
  into v_literal
  using judge_access.target_row;
  begin
    foreach v_setting in array array[
      'jwt.claims.sid', 'app.identity_issuer', 'app.identity_subject', 'app.current_org_id', 'app.organization_id',
      'app.clinic_id', 'app.purpose_of_use'
    ] loop
      perform set_config(v_setting, '', true);
    end loop;
    perform set_config('jwt.claims.sub', person_id::text, true), set_config('app.current_user_id', person_id::text, true);
    execute v_query into v_results, v_evidence using v_literal;
    raise exception 'The policies have been asked.' using errcode = 'ASKED';
  exception
    when sqlstate 'ASKED' then null;
    when sqlstate 'UNAUT' then v_is_closed := true;
  end;
  return app_hidden.access_verdict(target, 'app_user', judge_access.command, v_results, v_evidence)
    || case when v_is_closed then '{"allowed": false, "because": "the person’s account is closed"}' else '{}' end::jsonb;
end;
$$ language plpgsql volatile security definer set search_path to '';

create or replace function app_hidden.explain_access(
  person_id uuid,
  resource_type text,
  resource_id uuid,
  command text
) returns jsonb as $$
declare
  v_target regclass := to_regclass(format('app_public.%I', explain_access.resource_type));
  v_row jsonb;
  v_organization_id uuid;
begin
  if v_target is not null then
    v_row := app_hidden.explained_row(v_target, explain_access.resource_id);
  end if;
  if v_row is null then
    raise exception 'There is no such record in an organization that you run.' using errcode = 'NTFND';
  end if;
  v_organization_id := v_row ->> case explain_access.resource_type when 'organizations' then 'id' else 'organization_id' end;
  if not app_hidden.is_explained_member(explain_access.person_id, v_organization_id) then
    raise exception 'There is no member of the organization whose access could be shown.' using errcode = 'NTFND';
  end if;
  perform app_hidden.record_explanation(v_organization_id, v_target, explain_access.resource_id, explain_access.person_id);
  return app_hidden.judge_access(explain_access.person_id, v_target, v_row, explain_access.command);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.explain_access(uuid, text, uuid, text) to app_user;

reset role;
--! EndIncluded access/explain_access.sql
--! Included billing/webhook_events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.webhook_events');

-- Only the functions below: an event belongs to nobody until it is applied.
create policy all_definer on app_private.webhook_events
  to app_definer
  using (true)
  with check (true);

grant
  select (id, provider, event_id, payload, received_at, processed_at),
  insert (provider, event_id, payload),
  update (payload, processed_at),
  delete
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

-- What it said is in our tables now, and personal data are not kept twice; or its job was dropped (jobs/operate_jobs.sql),
-- and they are kept for nothing.
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
  'What Stripe and Clerk have sent, each event once. `processed_at` says when it took effect or was dropped; then the payload goes.';
--! EndIncluded billing/webhook_events.sql
