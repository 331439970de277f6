--! Previous: sha1:f082d669a62b088afb3519c1263363c14a09d5f8
--! Hash: sha1:f363995e11f0264b95c71c7f99dbf64d25b7eaa4
--! Message: count-what-was-sent-and-lock-what-ends

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! Included practice/session_transcripts.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.session_transcripts');
select app_private.allow_data_role('app_public.session_transcripts');

create policy tenant_boundary on app_public.session_transcripts
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- The clinic sees its transcripts as they grow. Whoever sees the session for another reason (the patient, a clinic it
-- is shared with) sees them when they are final; the subquery is under the policies of care_sessions.
create policy select_session on app_public.session_transcripts
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or (
      status = 'final'
      and exists (
        select from app_public.care_sessions s
        where s.organization_id = session_transcripts.organization_id
        and s.id = session_transcripts.care_session_id
      )
    )
  );

create policy insert_provider on app_public.session_transcripts
  for insert to app_user
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy update_provider on app_public.session_transcripts
  for update to app_user
  using (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))))
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

grant
  select (
    id, organization_id, clinic_id, care_session_id, language, status, segments, created_at, updated_at, created_by,
    updated_by
  ),
  insert (organization_id, clinic_id, care_session_id, language, segments),
  update (language, status, segments)
on app_public.session_transcripts to app_user;
-- No delete grant: what was said stays on record. No update of the session: it would be said somewhere else.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.session_transcripts');
select app_private.audit_changes('app_public.session_transcripts');

create or replace function app_private.tg_session_transcripts__keep_final() returns trigger as $$
begin
  raise exception 'A final transcript does not change any more.' using errcode = 'CNFLT';
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_keep_final
  before update on app_public.session_transcripts
  for each row
  when (OLD.status = 'final')
  execute function app_private.tg_session_transcripts__keep_final();

-- Documentation ---------------------------------------------------------------

comment on table app_public.session_transcripts is
  E'@behavior -insert\nWhat was said in a care session. See `writeTranscript` and `finalizeTranscript`.';
comment on column app_public.session_transcripts.id is 'The transcript’s id.';
comment on column app_public.session_transcripts.organization_id is 'The organization that runs the clinic.';
comment on column app_public.session_transcripts.clinic_id is 'The clinic of the session.';
comment on column app_public.session_transcripts.care_session_id is 'The session.';
comment on column app_public.session_transcripts.language is 'The language spoken, such as `en` or `fr-CA`.';
comment on column app_public.session_transcripts.status is
  E'@behavior -attribute:update\nA draft can change and is seen by the clinic only; a final one stays as it is.';
comment on column app_public.session_transcripts.segments is
  E'@sensitivity phi\nWhat was said, in order: a list of `{startMs, endMs, speaker, text}`.';
comment on column app_public.session_transcripts.created_at is 'When it was begun.';
comment on column app_public.session_transcripts.updated_at is 'When it last changed.';
comment on column app_public.session_transcripts.created_by is 'Who began it.';
comment on column app_public.session_transcripts.updated_by is 'Who changed it last.';
comment on type app_public.transcript_status is '@value draft It is still being written.
@value final It stays as it is.
How far a transcript is.';
--! EndIncluded practice/session_transcripts.sql
--! Included vault/wrapped_keys.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.wrapped_keys');

create policy select_owner on app_vault.wrapped_keys
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

-- Nothing is wrapped for a device that was retired or revoked; the trigger below says so of one that is ending just now.
create policy insert_owner on app_vault.wrapped_keys
  for insert to app_user
  with check (
    user_id = (select app_hidden.current_user_id())
    and device_key_id in (select k.id from app_vault.device_keys k where k.state = 'active')
  );

create policy delete_owner on app_vault.wrapped_keys
  for delete to app_user
  using (user_id = (select app_hidden.current_user_id()));

grant
  select (id, user_id, device_key_id, key_id, ephemeral_key, nonce, ciphertext, created_at, updated_at),
  insert (device_key_id, key_id, ephemeral_key, nonce, ciphertext),
  delete
on app_vault.wrapped_keys to app_user;
-- No update grant: a key that is wrapped anew is a new row.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.wrapped_keys');
select app_private.audit_changes('app_vault.wrapped_keys', 'id', '');

-- The policy sees the device as it was when the statement began, and the foreign key asks whether there is one, not how it
-- stands. This asks how it stands now. While its lock is held, whoever ends the device waits, and then removes this row as well.
create or replace function app_private.tg_wrapped_keys__require_active() returns trigger as $$
begin
  perform from app_vault.device_keys k
  where k.user_id = NEW.user_id
  and k.id = NEW.device_key_id
  and k.state = 'active'
  for share;
  if not found then
    raise exception 'The device key has just been retired or revoked.' using errcode = 'CNFLT';
  end if;
  return null;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_require_active
  after insert on app_vault.wrapped_keys
  for each row
  execute function app_private.tg_wrapped_keys__require_active();

-- Documentation ---------------------------------------------------------------

comment on table app_vault.wrapped_keys is
  E'@behavior -resource:aggregates -resource:groupedAggregates\nA data key, encrypted to one device of its owner with X25519, HKDF-SHA-256 and AES-256-GCM.';
comment on column app_vault.wrapped_keys.id is 'The wrapped key’s id.';
comment on column app_vault.wrapped_keys.user_id is 'Whose key it is.';
comment on column app_vault.wrapped_keys.device_key_id is 'The device that can unwrap it.';
comment on column app_vault.wrapped_keys.key_id is 'The data key, by the id that envelopes name.';
comment on column app_vault.wrapped_keys.ephemeral_key is 'X25519 public key, made for this wrap alone.';
comment on column app_vault.wrapped_keys.nonce is '12 bytes.';
comment on column app_vault.wrapped_keys.ciphertext is 'The 32 bytes of the data key and the tag of 16.';
comment on column app_vault.wrapped_keys.created_at is 'When the key was wrapped.';
comment on column app_vault.wrapped_keys.updated_at is 'When it last changed.';
comment on type app_vault.key_wrap is 'A data key as it is handed in, encrypted to a new device.';
comment on column app_vault.key_wrap.key_id is 'The data key.';
comment on column app_vault.key_wrap.ephemeral_key is 'X25519 public key, made for this wrap alone.';
comment on column app_vault.key_wrap.nonce is '12 bytes.';
comment on column app_vault.key_wrap.ciphertext is 'The encrypted data key.';
--! EndIncluded vault/wrapped_keys.sql
--! Included practice/write_export.sql
-- What the job `export__write` asks as the person who wants the export. Invoker functions: the policies of export_requests
-- decide at each step whether that person still may, and the records are those that they may read at that moment.

-- The request, now being worked on; no row when there is nothing (any more) to be written. One that is ready stays so.
create or replace function app_hidden.begin_export(export_id uuid)
returns table (status app_public.export_status, format app_public.export_format) as $$
begin
  update app_public.export_requests r
  set status = 'running', row_count = 0
  where r.id = begin_export.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status in ('requested', 'running', 'failed')
  and r.expires_at > now();
  return query
    select r.status, r.format
    from app_public.export_requests r
    where r.id = begin_export.export_id
    and r.created_by = app_hidden.current_user_id()
    and r.clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
    and r.status in ('running', 'ready')
    and r.expires_at > now();
end;
$$ language plpgsql volatile strict set search_path to '';

-- False when the export was withdrawn, or the person has left the clinic.
create or replace function app_hidden.note_export_progress(export_id uuid, row_count int) returns boolean as $$
begin
  update app_public.export_requests r
  set row_count = note_export_progress.row_count
  where r.id = note_export_progress.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
  return found;
end;
$$ language plpgsql volatile strict set search_path to '';

-- False as above.
create or replace function app_hidden.finish_export(
  export_id uuid,
  row_count int,
  byte_count bigint,
  content_sha256 text
) returns boolean as $$
begin
  update app_public.export_requests r
  set status = 'ready', row_count = finish_export.row_count, byte_count = finish_export.byte_count,
    content_sha256 = finish_export.content_sha256, formatted_at = clock_timestamp()
  where r.id = finish_export.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
  return found;
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_hidden.fail_export(export_id uuid) returns void as $$
begin
  update app_public.export_requests r
  set status = 'failed', row_count = null
  where r.id = fail_export.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
end;
$$ language plpgsql volatile strict set search_path to '';

-- For the person who asked for it: what to send them, and on record that it was fetched. The gateway opens the file before it
-- commits (src/exports/takeFile.ts): what cannot be sent was not fetched.
create or replace function app_hidden.take_export(export_id uuid)
returns table (
  kind app_public.export_kind,
  format app_public.export_format,
  byte_count bigint,
  content_sha256 text,
  formatted_at timestamptz
) as $$
begin
  return query
    update app_public.export_requests r
    set download_count = r.download_count + 1, downloaded_at = clock_timestamp()
    where r.id = take_export.export_id
    and r.created_by = app_hidden.current_user_id()
    and r.status = 'ready'
    and r.expires_at > now()
    returning r.kind, r.format, r.byte_count, r.content_sha256, r.formatted_at;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.begin_export(uuid),
  app_hidden.note_export_progress(uuid, int),
  app_hidden.finish_export(uuid, int, bigint, text),
  app_hidden.fail_export(uuid),
  app_hidden.take_export(uuid)
to app_user;
--! EndIncluded practice/write_export.sql
--! Included practice/export_links.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.export_links');
create policy all_definer on app_private.export_links to app_definer using (true) with check (true);
-- Nothing updates a link; a right to is what a lock takes.
grant
  select,
  insert (
    token_hash, organization_id, export_id, report_id, report_format, user_id, session_id, identity_issuer,
    identity_subject, expires_at
  ),
  update (expires_at),
  delete
on app_private.export_links to app_definer;

-- Functions -------------------------------------------------------------------

do $$
begin
  if to_regtype('app_public.export_link') is null then
    create type app_public.export_link as (path text, expires_at timestamptz);
  end if;
end
$$;

set local role app_definer;

-- A link of the caller's, in this session, to one file. The token is 256 random bits and lives for five minutes. It opens
-- nothing by itself: each use of it asks again as that person.
create or replace function app_private.make_export_link(
  organization_id uuid,
  export_id uuid,
  report_id uuid,
  report_format app_public.report_format
) returns app_public.export_link as $$
declare
  v_token text := encode(extensions.gen_random_bytes(32), 'hex');
  v_link app_public.export_link := row('/exports/' || v_token, now() + interval '5 minutes');
begin
  delete from app_private.export_links l
  where l.token_hash in (
    select e.token_hash
    from app_private.export_links e
    where e.expires_at <= now()
    order by e.expires_at
    limit 10
    for update skip locked
  );
  insert into app_private.export_links (
    token_hash, organization_id, export_id, report_id, report_format, user_id, session_id, identity_issuer,
    identity_subject, expires_at
  )
  values (
    sha256(convert_to(v_token, 'UTF8')),
    make_export_link.organization_id,
    make_export_link.export_id,
    make_export_link.report_id,
    make_export_link.report_format,
    app_hidden.current_user_id(),
    app_hidden.current_session_id(),
    nullif(current_setting('app.identity_issuer', true), ''),
    nullif(current_setting('app.identity_subject', true), ''),
    v_link.expires_at
  );
  return v_link;
end;
$$ language plpgsql volatile set search_path to '';

-- Definer, because a request writes no links; it makes one for the caller's own export only.
create or replace function app_public.create_export_link(export_id uuid) returns app_public.export_link as $$
declare
  v_organization_id uuid;
begin
  select r.organization_id into v_organization_id
  from app_public.export_requests r
  where r.id = create_export_link.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
  and r.status = 'ready'
  and r.expires_at > now();
  if v_organization_id is null then
    raise exception 'There is no such export to be fetched.' using errcode = 'NTFND';
  end if;
  return app_private.make_export_link(v_organization_id, create_export_link.export_id, null, null);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Definer for the same reason. Who may see the report is not asked here: metrics/write_report.sql asks it under row
-- security before a link is made, and again whenever one is followed.
create or replace function app_hidden.link_report(
  organization_id uuid,
  report_id uuid,
  format app_public.report_format
) returns app_public.export_link as $$
begin
  return app_private.make_export_link(link_report.organization_id, null, link_report.report_id, link_report.format);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- It answers more columns than it did.
drop function if exists app_hidden.find_export_link(text);

-- Whose link it is, and to what; no row for one that is unknown or over. It opens nothing: the gateway goes on as that person.
create or replace function app_hidden.find_export_link(token text)
returns table (
  export_id uuid, report_id uuid, report_format app_public.report_format, user_id uuid, session_id uuid,
  identity_issuer text, identity_subject text
) as $$
  select
    l.export_id, l.report_id, l.report_format, l.user_id, l.session_id, l.identity_issuer, l.identity_subject
  from app_private.export_links l
  where l.token_hash = sha256(convert_to(find_export_link.token, 'UTF8'))
  and l.expires_at > now();
$$ language sql stable strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.create_export_link(uuid),
  app_hidden.link_report(uuid, uuid, app_public.report_format)
to app_user;
grant execute on function app_hidden.find_export_link(text) to app_anonymous;

-- Documentation ---------------------------------------------------------------

comment on function app_public.create_export_link(uuid) is '@argument export_id The uuid (rowId) of the export.
Makes a link by which the caller fetches an export that is ready: for five minutes, and while they may.';

reset role;

comment on type app_public.export_link is 'Where an export, or a report’s file, can be fetched for a short time.';
comment on column app_public.export_link.path is 'The path at this gateway: the caller’s alone, a secret until it has expired.';
comment on column app_public.export_link.expires_at is 'Until when.';
comment on table app_private.export_links is
  'Links to fetch an export or a report’s file by: who made them in which session, and SHA-256 of their tokens.';
--! EndIncluded practice/export_links.sql
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

-- Fired by `insert or update of <column>` and a `when` that no such value can be meant: the column and the sentence are its
-- arguments. Unlike a check it leaves in peace what was written before the rule, as long as that is not written again.
create or replace function app_private.tg__refuse_value() returns trigger as $$
begin
  raise exception '%', TG_ARGV[1] using errcode = 'BADIN', column = TG_ARGV[0];
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
--! Included clinical/link_patient_to_clinic.sql
-- Invoker: the policies of patient_clinic_links decide who may share whom. A patient the caller cannot see is not there.

create or replace function app_public.link_patient_to_clinic(
  patient_id uuid,
  clinic_id uuid,
  access app_public.patient_link_access = 'demographics'
) returns app_public.patient_clinic_links as $$
declare
  v_patient app_public.patients;
  v_link app_public.patient_clinic_links;
begin
  select * into v_patient from app_public.patients p where p.id = link_patient_to_clinic.patient_id;
  if v_patient.id is null then
    raise exception 'There is no such patient.' using errcode = 'NTFND', column = 'patient_id';
  end if;
  if v_patient.home_clinic_id = link_patient_to_clinic.clinic_id then
    raise exception 'The patient is at home in this clinic.' using errcode = 'BADIN', column = 'clinic_id';
  end if;
  insert into app_public.patient_clinic_links (organization_id, clinic_id, patient_id, home_clinic_id, access)
  values (
    v_patient.organization_id,
    link_patient_to_clinic.clinic_id,
    v_patient.id,
    v_patient.home_clinic_id,
    link_patient_to_clinic.access
  )
  on conflict on constraint patient_clinic_links_organization_id_clinic_id_patient_id_key
  do update set access = excluded.access
  returning * into v_link;
  return v_link;
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_public.unlink_patient_from_clinic(patient_id uuid, clinic_id uuid)
returns app_public.patient_clinic_links as $$
declare
  v_link app_public.patient_clinic_links;
begin
  delete from app_public.patient_clinic_links l
  where l.patient_id = unlink_patient_from_clinic.patient_id
  and l.clinic_id = unlink_patient_from_clinic.clinic_id
  returning * into v_link;
  if v_link.id is null then
    raise exception 'The patient is not shared with this clinic.' using errcode = 'NTFND';
  end if;
  return v_link;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.link_patient_to_clinic(uuid, uuid, app_public.patient_link_access),
  app_public.unlink_patient_from_clinic(uuid, uuid)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.link_patient_to_clinic(uuid, uuid, app_public.patient_link_access) is '@argument access What the other clinic sees.
Shares a patient with another clinic of the same organization. For providers and admins of the patient’s home clinic.';
comment on function app_public.unlink_patient_from_clinic(uuid, uuid) is
  'Stops sharing a patient with a clinic.';
--! EndIncluded clinical/link_patient_to_clinic.sql
