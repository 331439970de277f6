import type { Pool } from "pg";

/**
 * Fields that do what a fault needs, which no field of the real API does on demand: made in a database of a test, before its
 * gateway reads the schema.
 */
const FUNCTIONS = [
  // `{ wait(seconds: 2) }` takes that long in the database.
  `create function app_public.wait(seconds float8) returns float8 as $$
     begin perform pg_catalog.pg_sleep(seconds); return seconds; end;
   $$ language plpgsql stable set search_path to ''`,
  // Leaves a row behind, after a while.
  `create function app_public.change_slowly(patient_id uuid, phone text) returns text as $$
     begin
       perform pg_catalog.pg_sleep(1.5);
       update app_public.patients p set phone = change_slowly.phone where p.id = patient_id;
       return phone;
     end;
   $$ language plpgsql volatile set search_path to ''`,
  // Two of these with crossed numbers stand in each other's way: Postgres ends one of them with 40P01.
  `create function app_public.cross_ways(first int, second int) returns int as $$
     begin
       perform pg_catalog.pg_advisory_xact_lock(first);
       perform pg_catalog.pg_sleep(0.3);
       perform pg_catalog.pg_advisory_xact_lock(second);
       return first;
     end;
   $$ language plpgsql volatile set search_path to ''`,
  // Fails with 40001 until it was called this often; the sequence keeps counting when a transaction is rolled back.
  "create sequence app_public.tries",
  `create function app_public.fail_until(calls int) returns int as $$
     declare v_call int := pg_catalog.nextval('app_public.tries');
     begin
       if v_call < calls then raise exception 'not yet' using errcode = '40001'; end if;
       return v_call;
     end;
   $$ language plpgsql volatile set search_path to ''`,
  `grant execute on function app_public.wait(float8), app_public.change_slowly(uuid, text),
     app_public.cross_ways(int, int), app_public.fail_until(int)
   to app_user`,
  "grant usage on sequence app_public.tries to app_user",
  // Taken from everybody by the migrations.
  "grant execute on function pg_catalog.pg_sleep(float8), pg_catalog.pg_advisory_xact_lock(bigint) to app_user",
];

export async function addSlowFunctions(superuser: Pool): Promise<void> {
  for (const statement of FUNCTIONS) {
    await superuser.query(statement);
  }
}
