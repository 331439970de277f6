--! Previous: sha1:3aa355601fbb0c64002c5b788abf33fd8d16bf31
--! Hash: sha1:83043aac83bb834acf8f8807b03ba0b3e9f1be32
--! Message: audit-reads

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 51-audit-reads.sql
-- What was read and refused is on record, too.

--! Included audit/record_events.sql
set local role app_definer;

-- What triggers do not see: what was read, and what was refused. One statement for the requests of a few milliseconds; the
-- gateway says of each under which settings it ran, so that the facts are read by the same function as those of a change.
-- A definer function, because whoever calls it may read and change nothing, and has nothing else.
create or replace function app_hidden.record_events(events jsonb) returns void as $$
declare
  v_event jsonb;
  v_facts app_audit.events;
  v_patient_ids uuid[];
  v_organization_id uuid;
  v_grant_id uuid;
begin
  for v_event in select e.value from jsonb_array_elements(record_events.events) as e loop
    perform set_config(name, coalesce(v_event -> 'settings' ->> name, ''), true)
    from unnest(array[
      'jwt.claims.sub', 'jwt.claims.sid', 'app.organization_id', 'app.purpose_of_use', 'app.request_id',
      'app.client_address', 'app.client_device', 'app.operation', 'app.document_hash'
    ]) as name;
    v_facts := app_private.describe_request();
    v_patient_ids := array(select p.value::uuid from jsonb_array_elements_text(v_event -> 'patientIds') as p);
    -- Of rows that were read, the rows' own. Else the one that the request names, or the actor's only one: nobody fills the
    -- trail of an organization in which they are nobody.
    v_organization_id := v_event ->> 'organizationId';
    if v_organization_id is null then
      select case when count(*) = 1 then min(m.organization_id::text)::uuid end into v_organization_id
      from app_public.organization_memberships m
      where m.user_id = v_facts.actor_id
      and m.active
      and m.organization_id = coalesce(app_hidden.current_organization_id(), m.organization_id);
    end if;
    select g.id into v_grant_id
    from app_public.break_glass_grants g
    where g.user_id = v_facts.actor_id
    and g.patient_id = any (v_patient_ids)
    and g.expires_at > now()
    and g.revoked_at is null
    order by g.expires_at desc
    limit 1;
    insert into app_audit.events (
      organization_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields, purpose_of_use,
      request_id, address_hash, device_hash, operation, document_hash, grant_id, patient_ids, row_count, outcome, error_code
    )
    values (
      v_organization_id, v_facts.actor_id, v_facts.session_id,
      case when v_facts.actor_id is null then 'app_anonymous' else 'app_user' end,
      case when v_event ? 'errorCode' then 'ATTEMPT' else 'SELECT' end,
      v_event ->> 'tableName',
      case
        when v_event ->> 'tableName' = 'app_public.patients' and cardinality(v_patient_ids) = 1 then v_patient_ids[1]
      end,
      array(select f.value from jsonb_array_elements_text(v_event -> 'fields') as f),
      v_facts.purpose_of_use, v_facts.request_id, v_facts.address_hash, v_facts.device_hash, v_facts.operation,
      v_facts.document_hash, v_grant_id, v_patient_ids, (v_event ->> 'rowCount')::int,
      case when v_event ? 'errorCode' then 'denied' else 'ok' end,
      v_event ->> 'errorCode'
    );
  end loop;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_hidden.record_events(jsonb) to app_recorder;

reset role;

grant usage on schema app_hidden to app_recorder;
--! EndIncluded audit/record_events.sql
--! Included audit/audit_logs.sql
-- The audit under its askers' name and columns (R33, R45): who did what to which record, without content.
-- Three branches, one for each reason to see an event, each read by its own index; who is none of a branch does not read it
-- at all. They decide nothing: the policies of `events` hold each of them, and a reason that is missing here only hides.
create or replace view app_public.audit_logs with (security_invoker = true) as
  select
    e.id,
    e.organization_id,
    e.clinic_id,
    e.actor_id as user_id,
    lower(e.command) as action,
    e.table_name as resource_type,
    e.row_id as resource_id,
    jsonb_strip_nulls(jsonb_build_object(
      'changedFields', to_jsonb(e.changed_fields),
      'actorRole', e.actor_role,
      'purposeOfUse', e.purpose_of_use,
      'requestId', e.request_id
    )) as metadata,
    e.occurred_at as created_at
  from (
    select
      e.id, e.organization_id, e.clinic_id, e.actor_id, e.command, e.table_name, e.row_id, e.changed_fields,
      e.actor_role, e.purpose_of_use, e.request_id, e.occurred_at
    from app_audit.events e
    where e.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    union all
    select
      e.id, e.organization_id, e.clinic_id, e.actor_id, e.command, e.table_name, e.row_id, e.changed_fields,
      e.actor_role, e.purpose_of_use, e.request_id, e.occurred_at
    from app_audit.events e
    where e.actor_id = (select app_hidden.current_user_id())
    and (e.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))) is not true
    union all
    select
      e.id, e.organization_id, e.clinic_id, e.actor_id, e.command, e.table_name, e.row_id, e.changed_fields,
      e.actor_role, e.purpose_of_use, e.request_id, e.occurred_at
    from app_audit.events e
    where (select app_hidden.is_superadmin())
    and e.actor_id is distinct from (select app_hidden.current_user_id())
    and (e.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))) is not true
  ) e;

-- Access ----------------------------------------------------------------------

revoke all on app_public.audit_logs from app_user;
grant select (
  id, organization_id, clinic_id, user_id, action, resource_type, resource_id, metadata, created_at
) on app_public.audit_logs to app_user;

-- Documentation ---------------------------------------------------------------

comment on view app_public.audit_logs is
  E'@primaryKey id\n@sensitivity audit\nWhat was changed, by whom and when. Owners and admins see their organization’s; everybody sees their own.';
comment on column app_public.audit_logs.id is 'The event’s id.';
comment on column app_public.audit_logs.organization_id is 'The organization of the record.';
comment on column app_public.audit_logs.clinic_id is 'The clinic of the record.';
comment on column app_public.audit_logs.user_id is 'Who made the change; null for work of the system.';
comment on column app_public.audit_logs.action is 'What was done: insert, update or delete.';
comment on column app_public.audit_logs.resource_type is 'The table of the record.';
comment on column app_public.audit_logs.resource_id is 'The record.';
comment on column app_public.audit_logs.metadata is 'Names of the changed fields, the role, the purpose and the request.';
comment on column app_public.audit_logs.created_at is 'When it happened, by the database’s clock.';
--! EndIncluded audit/audit_logs.sql
--! Included clinical/patient_clinic_links.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.patient_clinic_links');
select app_private.allow_data_role('app_public.patient_clinic_links');

create policy tenant_boundary on app_public.patient_clinic_links
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_clinic on app_public.patient_clinic_links
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or home_clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or patient_id = any (array(select app_hidden.my_patient_ids()))
  );

-- Sharing gives away: only who treats patients in the home clinic may, and a foreign key holds what the home clinic is.
create policy insert_home_provider on app_public.patient_clinic_links
  for insert to app_user
  with check (home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy update_home_provider on app_public.patient_clinic_links
  for update to app_user
  using (home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))))
  with check (home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy delete_home_provider on app_public.patient_clinic_links
  for delete to app_user
  using (home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

grant
  select (
    id, organization_id, clinic_id, patient_id, home_clinic_id, access, created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, patient_id, home_clinic_id, access),
  update (access),
  delete
on app_public.patient_clinic_links to app_user;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.patient_clinic_links');
select app_private.audit_changes('app_public.patient_clinic_links');

-- Documentation ---------------------------------------------------------------

comment on table app_public.patient_clinic_links is
  E'@behavior -insert -update -delete\nThat a patient’s home clinic shares them with another clinic of the organization, and how far.';
comment on column app_public.patient_clinic_links.id is 'The link’s id.';
comment on column app_public.patient_clinic_links.organization_id is 'The organization of both clinics.';
comment on column app_public.patient_clinic_links.clinic_id is 'The clinic that the patient is shared with.';
comment on column app_public.patient_clinic_links.patient_id is E'@sensitivity phi\nThe patient.';
comment on column app_public.patient_clinic_links.home_clinic_id is 'The clinic that shares: the patient’s own.';
comment on column app_public.patient_clinic_links.access is 'How far the clinic sees.';
comment on column app_public.patient_clinic_links.created_at is 'When sharing began.';
comment on column app_public.patient_clinic_links.updated_at is 'When the link last changed.';
comment on column app_public.patient_clinic_links.created_by is 'Who shared the patient.';
comment on column app_public.patient_clinic_links.updated_by is 'Who changed the link last.';
comment on type app_public.patient_link_access is '@value demographics Name, dates and contacts.
@value full_record Appointments and care sessions as well.
How far a shared patient is seen: who they are, or the appointments and sessions of every clinic too.';
--! EndIncluded clinical/patient_clinic_links.sql
--! Included vault/open_share.sql
set local role app_share_reader;

-- For people of the clinic that a share was given to. Each opening is on record for the owner, like one by a link.
create or replace function app_vault.open_share(share_id uuid) returns setof app_vault.shared_record as $$
begin
  insert into app_vault.share_accesses (user_id, share_id, reader_id)
  select s.user_id, s.id, auth.uid()
  from app_vault.healthcare_shares s
  where s.id = open_share.share_id;
  if not found then
    raise exception 'There is no such share.' using errcode = 'NTFND';
  end if;
  return query select * from app_vault.shared_records(open_share.share_id);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_vault.open_share(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_vault.open_share(uuid) is
  E'@sensitivity phi\n@argument share_id The share.\nOpens a share that was given to a clinic in which you are a provider or admin. The owner sees that you did.';

reset role;
--! EndIncluded vault/open_share.sql
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

-- One answer for a token that is unknown, used up, expired or revoked, after the same look-up. One UPDATE decides who
-- of many callers has the last use.
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
  E'@sensitivity phi\n@argument token The token from the link’s fragment. Never send the key.\nOpens a share with the token of a link, signed in or not, and spends one use. The answer is the same for a token that is unknown, used up, expired or revoked.';
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
