/** A small schema in which every operator finds something. */
export const SMALL_SCHEMA = `
create schema small authorization app_owner;
grant usage on schema small to app_user;

create table small.tenants (id uuid primary key, name text);
create table small.members (
  tenant_id uuid not null references small.tenants,
  user_id uuid not null,
  active boolean not null,
  primary key (tenant_id, user_id)
);
create table small.notes (
  id uuid primary key,
  tenant_id uuid not null references small.tenants,
  part_id uuid,
  parent_id uuid,
  title text,
  secret text,
  unique (tenant_id, id),
  unique (tenant_id, title),
  constraint notes_parent_fkey foreign key (tenant_id, parent_id) references small.notes (tenant_id, id)
);
create view small.titles with (security_invoker = true) as select id, title from small.notes;

create function small.my_tenants() returns setof uuid language sql stable security definer set search_path to '' as $$
  select m.tenant_id from small.members m where m.user_id = auth.uid() and m.active
$$;
create function small.is_open() returns boolean language plpgsql stable set search_path to '' as $$
begin
  return auth.uid() is not null or current_setting('small.open', true) = 'yes';
end
$$;
create function small.record() returns trigger language plpgsql set search_path to '' as $$ begin return null; end $$;
create function small.tg__audit() returns trigger language plpgsql set search_path to '' as $$ begin return null; end $$;
revoke execute on all functions in schema small from public;
grant execute on all functions in schema small to app_user;

alter table small.tenants enable row level security, force row level security;
alter table small.members enable row level security, force row level security;
alter table small.notes enable row level security, force row level security;
create policy read_all on small.tenants for select to app_user using (true);
create policy tenant_boundary on small.notes as restrictive to app_user
  using (tenant_id = any (array(select small.my_tenants())))
  with check (tenant_id = any (array(select small.my_tenants())));
create policy read_own on small.notes for select to app_user
  using (tenant_id = any (array(select small.my_tenants())) and part_id is not null);
create policy read_open on small.notes for select to app_user using (title = 'open' or (select small.is_open()));
create policy insert_own on small.notes for insert to app_user
  with check (tenant_id = any (array(select small.my_tenants())));

grant select (id, tenant_id, part_id, title), insert (id, tenant_id, title) on small.notes to app_user;
create trigger record after insert on small.notes for each row execute function small.record();
create trigger audit after insert on small.notes for each row execute function small.tg__audit();
alter table small.notes enable always trigger audit;
`;
