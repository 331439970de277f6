-- A generated column tells what its source column may not.
-- Caught by: 0068_generated_column app_public.invitations.code_hint
-- Ready: silent
alter table app_public.invitations add column code_hint text generated always as (encode(code_hash, 'hex')) stored;
grant select (code_hint) on app_public.invitations to app_user;
