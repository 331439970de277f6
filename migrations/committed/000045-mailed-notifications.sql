--! Previous: sha1:134aa1ebd04852f52cfb29e18d4358dd33f84129
--! Hash: sha1:2366d5aa4d805b364e994dea82797016b1b20442
--! Message: mailed-notifications

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 72-mailed-notifications.sql
-- Notifications that are mailed.

--! Included jobs/address_mail.sql
set local role app_definer;

-- Whom a mail goes to, and the code that its link ends with, if any; no row when there is nobody to write to (any more).
-- Definer, because a worker reads no addresses and no codes otherwise. The code is new with each call and only its hash
-- is kept: a mail that is tried again carries another one, and the earlier of an invitation ends.
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
        set mailed_code_hash = v_hash
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
--! Included jobs/mail_notifications.sql
set local role app_definer;

-- What somebody has to act on reaches them outside of the application, too: the mail says that there is something, and never
-- what. Each of these kinds is a template of src/mail/templates.ts and an arm of `address_mail`.
create or replace function app_private.tg_notifications__mail() returns trigger as $$
begin
  perform app_private.add_job(
    'mail__send',
    jsonb_build_object('template', n.kind, 'userId', n.user_id, 'subjectId', n.subject_id)
  )
  from new_rows n
  where n.kind in ('weekly_report', 'export_ready', 'break_glass_opened', 'break_glass_unreviewed')
  and app_private.acting_role() <> 'app_data';
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_notifications__mail() to app_owner;

reset role;

create or replace trigger _900_mail
  after insert on app_public.notifications
  referencing new table as new_rows
  for each statement
  execute function app_private.tg_notifications__mail();
--! EndIncluded jobs/mail_notifications.sql
