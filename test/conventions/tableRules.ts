import { APP_RELATIONS, type CatalogRule } from "./catalogRule.ts";

/** Tables of the API whose rows have no trigger that keeps them in their tenant, each with its reason. */
const MOVABLE_TABLES = [
  // Written by triggers and functions only, from rows that cannot be moved.
  "app_public.metric_aggregations",
  // Added by the failing trigger's own function; nobody updates one.
  "app_public.trigger_failures",
];

const list = (names: string[]) => `array[${names.map((name) => `'${name}'`).join(", ")}]::text[]`;

const CLINIC_FOREIGN_KEYS: CatalogRule = {
  // By whatever name: a shared record's clinic is the `owner_clinic_id` of its share.
  title: "a foreign key to a clinic's own rows carries the clinic when both sides are required to have one",
  query: `
    select k.conrelid::regclass || '.' || k.conname as object, pg_get_constraintdef(k.oid) as detail
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_attribute mine on mine.attrelid = k.conrelid and mine.attname = 'clinic_id' and mine.attnotnull
    join pg_catalog.pg_attribute theirs on theirs.attrelid = k.confrelid and theirs.attname = 'clinic_id' and theirs.attnotnull
    where k.contype = 'f' and k.conrelid::regclass::text ~ '^app_'
    and not exists (
      select from unnest(k.conkey, k.confkey) as pair (mine, theirs)
      join pg_catalog.pg_attribute own on own.attrelid = k.conrelid and own.attnum = pair.mine
      where own.attname ~ '(^|_)clinic_id$' and pair.theirs = theirs.attnum
    )`,
  breaks: {
    sql: `alter table app_public.care_sessions add constraint stray
      foreign key (organization_id, appointment_id) references app_public.appointments (organization_id, id)`,
    finding: "app_public.care_sessions.stray",
  },
};

const KEEPS_TENANT: CatalogRule = {
  title: "a row of the API stays with its organization and clinic, whoever changes it",
  query: `
    select object, 'may change its ' || a.attname as detail
    from (${APP_RELATIONS}) t
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attname in ('organization_id', 'clinic_id')
    where relkind in ('r', 'p') and nspname = 'app_public'
    and object <> all (${list(MOVABLE_TABLES)})
    and not exists (
      select from pg_catalog.pg_trigger g
      where g.tgrelid = t.oid and g.tgname = '_300_refuse_move' and g.tgenabled <> 'D'
      and pg_get_triggerdef(g.oid) ~ format('old\\.%s IS DISTINCT FROM new\\.%s', a.attname, a.attname)
    )`,
  breaks: {
    sql: "alter table app_public.patients disable trigger _300_refuse_move",
    finding: "app_public.patients",
  },
};

export const TABLE_RULES: readonly CatalogRule[] = [CLINIC_FOREIGN_KEYS, KEEPS_TENANT];
