-- What belongs to this database and needs a superuser. The schema itself is made by migrations, as `app_owner`.

do $$
begin
  -- PUBLIC may by default connect and create temporary tables, with which a mutable search_path can be abused.
  execute format('revoke all on database %I from public', current_database());
  execute format(
    'grant connect on database %I to app_authenticator, app_worker, app_migrator, app_backup, app_sealer, app_recorder',
    current_database()
  );
  -- `app_owner` makes the app's schemas, `app_worker` the queue's own, in which it is the owner.
  execute format('grant connect, create on database %I to app_owner, app_worker', current_database());
  -- An import stages its files in temporary tables, which end with its transaction: whatever happens, nothing half-read
  -- stays. `app_data` runs only our own import and backfills, never a request.
  execute format('grant temporary on database %I to app_data', current_database());
end
$$;

revoke all on schema public from public;

create schema if not exists extensions;
grant usage on schema extensions to public;
create extension if not exists btree_gist with schema extensions;
create extension if not exists pg_trgm with schema extensions;
create extension if not exists pgcrypto with schema extensions;

-- EXECUTE goes to PUBLIC unless revoked globally: a revoke per schema does not remove the built-in default.
alter default privileges
  for role app_owner, app_definer, app_share_reader, app_access_reader, app_access_judge, app_worker
  revoke execute on functions from public;

-- Functions with which a request role could change its own identity, talk to other sessions, hold locks that
-- migrations wait for, read whole schemas or keep objects outside row security. Roles that need some get them by name.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid::regprocedure
    from pg_catalog.pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace
    and (
      p.proname in (
        'set_config', 'pg_notify', 'lo_import', 'lo_export', 'lowrite', 'loread', 'pg_sleep', 'pg_sleep_for',
        'pg_sleep_until', 'query_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema', 'cursor_to_xml',
        'cursor_to_xmlschema', 'table_to_xml', 'table_to_xmlschema', 'table_to_xml_and_xmlschema', 'schema_to_xml',
        'schema_to_xmlschema', 'schema_to_xml_and_xmlschema', 'database_to_xml', 'database_to_xmlschema',
        'database_to_xml_and_xmlschema'
      )
      or p.proname ~ '^lo_'
      or p.proname ~ '^pg_(try_)?advisory_'
    )
  loop
    execute format('revoke execute on function %s from public', v_function);
    if v_function::text ~ '^(set_config|pg_notify|pg_(try_)?advisory_)' then
      execute format(
        'grant execute on function %s to app_owner, app_definer, app_data, app_worker, app_migrator, app_backup',
        v_function
      );
    end if;
    if v_function::text ~ '^set_config' then
      execute format('grant execute on function %s to app_authenticator, app_share_reader, app_access_judge', v_function);
    end if;
    if v_function::text ~ '^pg_(try_)?advisory_' then
      execute format('grant execute on function %s to app_sealer', v_function);
    end if;
  end loop;
exception
  -- A hosted Postgres keeps its catalogue to itself; `access check` then reports what stays executable.
  when insufficient_privilege then
    raise warning 'cannot revoke system functions from PUBLIC: %', sqlerrm;
end
$$;
