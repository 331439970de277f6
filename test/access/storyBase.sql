-- The small world in which each rule's story happens: it breaks no rule. Everything in it ends with its transaction.

create role story_owner nologin noinherit;
create role story_definer nologin noinherit;
create role story_user nologin noinherit;
create role story_anonymous nologin noinherit;
create role story_login login noinherit;
grant story_user, story_anonymous to story_login;
alter default privileges for role story_owner, story_definer revoke execute on functions from public;

create schema story authorization story_owner;
create schema story_private authorization story_owner;
grant usage on schema story to story_user, story_anonymous, story_definer;
set local role story_owner;

create function story.current_tenant_ids() returns uuid[] language sql stable set search_path = ''
as $$ select string_to_array(nullif(current_setting('app.tenant_ids', true), ''), ',')::uuid[] $$;
create function story.current_tenant_id() returns uuid language sql stable set search_path = ''
as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create function story.tg_notes__refuse_empty() returns trigger language plpgsql set search_path = ''
as $$ begin return case when NEW.body <> '' then NEW end; end $$;
grant execute on function story.current_tenant_ids(), story.current_tenant_id() to story_user, story_anonymous;

create table story.tenants (id uuid primary key, name text not null);
create table story.members (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references story.tenants,
  name text
);
create index members_tenant_id_idx on story.members (tenant_id);
create table story.notes (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references story.tenants,
  title text,
  body text
);
create index notes_tenant_id_title_idx on story.notes (tenant_id, title);
create trigger refuse_empty before insert on story.notes for each row execute function story.tg_notes__refuse_empty();
create table story.readings (
  tenant_id uuid not null references story.tenants,
  id uuid not null default gen_random_uuid(),
  taken_on date not null,
  primary key (tenant_id, id, taken_on)
) partition by range (taken_on);

do $$
declare
  v_table text;
begin
  foreach v_table in array array['members', 'notes', 'readings'] loop
    execute format('alter table story.%I enable row level security', v_table);
    execute format('alter table story.%I force row level security', v_table);
    execute format(
      'create policy tenant_boundary on story.%I as restrictive to story_user'
      ' using (tenant_id = (select story.current_tenant_id())) with check (tenant_id = (select story.current_tenant_id()))',
      v_table
    );
    execute format(
      'create policy select_tenant on story.%I for select to story_user using (tenant_id = (select story.current_tenant_id()))',
      v_table
    );
  end loop;
end
$$;
alter table story.tenants enable row level security;
alter table story.tenants force row level security;
create policy select_own on story.tenants for select to story_user using (id = (select story.current_tenant_id()));

grant select (id, name) on story.tenants to story_user;
grant select (id, tenant_id, name) on story.members to story_user;
grant select (id, tenant_id, title, body), insert (title, body), update (title, body), delete on story.notes to story_user;
grant select (id, tenant_id, taken_on) on story.readings to story_user;
reset role;
