import type { Pool } from "pg";

/** A function that answers policies with ids. */
export interface IdFunction {
  name: string;
  /** For every role there is, or for a feature that every plan but the free one has. */
  call: string;
}

/** All of them, from the catalogue: a new one is held to what holds for the others. */
export async function readIdFunctions(superuser: Pool): Promise<IdFunction[]> {
  const { rows } = await superuser.query<IdFunction>(
    `select p.proname as name, format('app_hidden.%I(%s)', p.proname, coalesce((
       select string_agg(
         case when t.typelem <> 0 then format('enum_range(null::%s)', t.typelem::regtype) else '''integrations''' end, ', '
       )
       from unnest(p.proargtypes) as argument
       join pg_catalog.pg_type t on t.oid = argument
     ), '')) as call
     from pg_catalog.pg_proc p
     where p.pronamespace = 'app_hidden'::regnamespace and p.proretset and p.prorettype = 'uuid'::regtype
     order by p.proname`,
  );
  return rows;
}
