-- Roles belong to the cluster, and two databases being set up at once create the same ones: `duplicate_object` and
-- `unique_violation` both mean that the other one was faster. Passwords are set by `setupDatabase`, never here.

do $$
declare
  v_role record;
begin
  for v_role in
    select *
    from (values
      -- Owns every object and runs DDL. NOINHERIT: it must not gain the policies of `app_definer`, which it may become.
      ('app_owner', 'nologin noinherit'),
      -- Owns every security definer function; what these may read is said by policies `to app_definer`.
      ('app_definer', 'nologin noinherit'),
      -- Owns the functions that open a share of the vault, where `app_definer` has no way in. Nobody signs in as it.
      ('app_share_reader', 'nologin noinherit'),
      -- Owns the function with which explain_access() looks at a row; its policies show the rows of the organizations that
      -- the caller administers, and no others.
      ('app_access_reader', 'nologin noinherit'),
      -- Owns the functions of explain_access() that ask policies in the name of somebody else. It is what `app_user` is by
      -- inheritance, so that the policies see what they always see, and has nothing of its own.
      ('app_access_judge', 'nologin inherit'),
      -- Imports and backfills; reaches only the organizations it declares in `app.data_scope`.
      ('app_data', 'nologin noinherit'),
      ('app_anonymous', 'nologin noinherit'),
      ('app_user', 'nologin noinherit'),
      -- The gateway's connection. Worthless by itself: no grants, only the right to become one of the two above.
      ('app_authenticator', 'login noinherit'),
      ('app_worker', 'login noinherit'),
      -- Reads the audit and appends seals to it; reaches no other schema.
      ('app_sealer', 'login noinherit'),
      -- Puts on record what was read and refused, by one function; reads nothing.
      ('app_recorder', 'login noinherit'),
      ('app_migrator', 'login noinherit'),
      -- A dump by anybody under FORCE would be empty; this role only ever reads.
      ('app_backup', 'login noinherit bypassrls')
    ) as roles (name, attributes)
  loop
    begin
      execute format('create role %I %s', v_role.name, v_role.attributes);
    exception
      when duplicate_object or unique_violation then null;
    end;
    begin
      execute format(
        'alter role %I %s nosuperuser nocreatedb nocreaterole noreplication',
        v_role.name,
        v_role.attributes
      );
    exception
      -- Only a superuser may say so again; the boot check refuses to serve if a role has become more than this.
      when insufficient_privilege then null;
    end;
  end loop;
end
$$;

-- NOINHERIT on the member makes these "set role only" on Postgres 15 (attribute) and on 16+ (default of the grant).
grant app_anonymous, app_user to app_authenticator;
-- For jobs that do what a person has asked for and must reach what that person reaches (src/jobs/tenantTask.ts, asPerson).
grant app_user to app_worker;
grant app_owner, app_definer, app_share_reader, app_access_reader, app_access_judge, app_data to app_migrator;
grant app_user to app_access_judge;

-- The bounds of a connection by itself, wide enough for building the API on a busy machine. Requests bring narrower ones
-- (src/auth/pgSettings.ts): through SET ROLE, settings of a role do not apply. Migrations and backups take their time.
do $$
declare
  v_setting record;
begin
  for v_setting in
    select *
    from (values
      ('app_authenticator', 'statement_timeout', '5min'),
      ('app_authenticator', 'lock_timeout', '5s'),
      ('app_authenticator', 'idle_in_transaction_session_timeout', '5min'),
      ('app_recorder', 'statement_timeout', '5s'),
      ('app_recorder', 'lock_timeout', '2s'),
      ('app_recorder', 'idle_in_transaction_session_timeout', '5s'),
      ('app_worker', 'statement_timeout', '15min'),
      ('app_worker', 'lock_timeout', '30s'),
      ('app_worker', 'idle_in_transaction_session_timeout', '5min'),
      ('app_migrator', 'lock_timeout', '30s'),
      ('app_backup', 'idle_in_transaction_session_timeout', '1h')
    ) as settings (role, name, value)
  loop
    begin
      execute format('alter role %I set %s = %L', v_setting.role, v_setting.name, v_setting.value);
    exception
      -- Two deployments that set up one cluster at once; and a hosted Postgres that reserves this for itself.
      when insufficient_privilege or internal_error then null;
    end;
  end loop;
end
$$;
