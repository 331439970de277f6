-- The twin of broken.sql: the same database with every flaw mended. `access check` finds nothing here.

create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit;
create role authenticator login noinherit;
grant anon, authenticated to authenticator;
create role foreign_owner nologin noinherit;

do $$
declare
  v_function regprocedure;
begin
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to authenticator', current_database());
  execute format('alter schema public owner to foreign_owner');
  for v_function in
    select p.oid::regprocedure
    from pg_catalog.pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace
    and (p.proname ~ '^(lo_|lowrite$|loread$|pg_(try_)?advisory_|(query|table|schema|database|cursor)_to_xml$)'
      or p.proname in ('set_config', 'pg_notify'))
  loop
    execute format('revoke execute on function %s from public', v_function);
  end loop;
end
$$;
grant execute on function set_config(text, text, boolean) to authenticator;
alter default privileges for role foreign_owner revoke execute on functions from public;
revoke all on schema public from public;
grant usage on schema public to anon, authenticated, service_role;
set role foreign_owner;

create function current_tenant_id() returns uuid language sql stable set search_path = ''
as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
grant execute on function current_tenant_id() to authenticated;

create table tenants (id uuid primary key, name text not null);
create table customers (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references tenants,
  email text,
  details jsonb,
  unique (tenant_id, id),
  unique (tenant_id, email)
);
create table orders (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references tenants,
  customer_id uuid,
  foreign key (tenant_id, customer_id) references customers (tenant_id, id)
);
create index on orders (tenant_id, customer_id);
create table members (id uuid primary key, tenant_id uuid not null references tenants);
create index on members (tenant_id);
create table secrets (id uuid primary key, tenant_id uuid not null references tenants, secret text);
create index on secrets (tenant_id);

do $$
declare
  v_table text;
begin
  foreach v_table in array array['customers', 'orders', 'members', 'secrets'] loop
    execute format('alter table %I enable row level security', v_table);
    execute format('alter table %I force row level security', v_table);
    execute format(
      'create policy tenant_boundary on %I as restrictive to authenticated'
      ' using (tenant_id = (select current_tenant_id())) with check (tenant_id = (select current_tenant_id()))',
      v_table
    );
    execute format(
      'create policy select_tenant on %I for select to authenticated using (tenant_id = (select current_tenant_id()))',
      v_table
    );
  end loop;
end
$$;
alter table tenants enable row level security;
alter table tenants force row level security;
create policy select_own on tenants for select to authenticated using (id = (select current_tenant_id()));
create policy update_tenant on customers for update to authenticated
  using (tenant_id = (select current_tenant_id())) with check (tenant_id = (select current_tenant_id()));
create policy delete_tenant on customers for delete to authenticated using (tenant_id = (select current_tenant_id()));

grant select (id, name) on tenants to authenticated;
grant select (id, tenant_id, email, details), update (email, details), delete on customers to authenticated;
grant select (id, tenant_id, customer_id) on orders to authenticated;
grant select (id, tenant_id) on members to authenticated;
grant select (id, tenant_id) on secrets to authenticated;
grant select on customers to service_role;

create view orders_of_mine with (security_invoker = true) as select id, customer_id from orders;
grant select (id, customer_id) on orders_of_mine to authenticated;
create materialized view order_count as select count(*) from orders;

create function count_orders(customer_id uuid) returns bigint language sql stable set search_path = ''
as $$ select count(*) from public.orders o where o.customer_id = count_orders.customer_id $$;
grant execute on function count_orders(uuid) to authenticated;
create function choose_tenant(id uuid) returns text language sql set search_path = ''
as $$ select set_config('app.tenant_id', id::text, true) $$;
reset role;
