import type { ClientBase } from "pg";

import { BackfillMistake } from "./BackfillMistake.ts";

export interface TargetColumn {
  name: string;
  /** As SQL writes it, for example `character varying(20)`. */
  type: string;
  isGenerated: boolean;
}

/** The table that a backfill changes. */
export interface Target {
  /** Qualified. */
  table: string;
  columns: TargetColumn[];
  /** Which column says whose a row is. */
  organizationColumn: string;
}

export const KEY = "id";

/**
 * Looks a table up. Which rows of it may be seen and changed is for its policies to say; here it is refused where they
 * would have nothing to go by.
 */
export async function describeTarget(client: ClientBase, table: string): Promise<Target> {
  const { rows: columns } = await client.query<TargetColumn>(
    `\
select a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type, a.attgenerated <> '' as "isGenerated"
from pg_catalog.pg_attribute a
where a.attrelid = pg_catalog.to_regclass($1) and a.attnum > 0 and not a.attisdropped
order by a.attnum`,
    [table],
  );
  if (columns.length === 0) {
    throw new BackfillMistake(`There is no table ${table}.`);
  }
  const { rows } = await client.query<{ hasKey: boolean; hasScope: boolean }>(
    `\
select
  exists (
    select from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attname = $2
    where i.indrelid = pg_catalog.to_regclass($1) and i.indisprimary and i.indkey::text = a.attnum::text
    and a.atttypid = 'uuid'::regtype
  ) as "hasKey",
  exists (
    select from pg_catalog.pg_policy p
    where p.polrelid = pg_catalog.to_regclass($1) and p.polname = 'all_in_data_scope'
  ) as "hasScope"`,
    [table, KEY],
  );
  if (!rows[0]?.hasKey) {
    throw new BackfillMistake(
      `${table} cannot be changed in batches: its primary key is not a uuid named ${KEY}.`,
    );
  }
  if (!rows[0].hasScope) {
    throw new BackfillMistake(
      `${table} cannot be changed by a backfill: it has no policy all_in_data_scope (app_private.allow_data_role).`,
    );
  }
  const isTenantTable = columns.some(({ name }) => name === "organization_id");
  return { table, columns, organizationColumn: isTenantTable ? "organization_id" : KEY };
}
