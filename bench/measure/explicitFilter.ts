import pg from "pg";

import type { PlanPerson } from "../../src/access/plans/planPeople.ts";

/** A table, and how a person writes what its policies would say to them. */
export interface FilteredTable {
  /** As statements of the API write it: `"app_public"."patients"`. */
  reference: string;
  condition: string;
}

/** Columns that say whose a row is. A table is filtered by all that it has of the first two, or else by the person's own. */
const TENANT = { organization_id: "organizationId", clinic_id: "clinicId", home_clinic_id: "clinicId" };
const OWNER = "user_id";

/** For every table of the API. */
export async function explicitFilters(client: pg.ClientBase, person: PlanPerson): Promise<FilteredTable[]> {
  const { rows } = await client.query<{ schema: string; name: string; columns: string[] }>(
    `select n.nspname as schema, c.relname as name, array_agg(a.attname::text) as columns
     from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where n.nspname in ('app_public', 'app_vault') and c.relkind in ('r', 'p') and not c.relispartition
     group by 1, 2`,
  );
  return rows.flatMap(({ schema, name, columns }) => {
    const condition = conditionOf(schema, columns, person);
    return condition === "" ? [] : [{ reference: `"${schema}"."${name}"`, condition }];
  });
}

function conditionOf(schema: string, columns: readonly string[], { variables }: PlanPerson): string {
  const literal = (value: string | undefined) => `${pg.escapeLiteral(value ?? "")}::uuid`;
  const byTenant = Object.entries(TENANT).flatMap(([column, variable]) =>
    columns.includes(column) ? [`${column} = ${literal(variables[variable])}`] : [],
  );
  const isOwn = columns.includes(OWNER) && (schema === "app_vault" || byTenant.length === 0);
  return (isOwn ? [`${OWNER} = ${literal(variables.userId)}`] : byTenant).join(" and ");
}

/** The statement with these conditions written into it; Postgres plans that as if they stood in its own `where`. */
export function withFilters(text: string, tables: readonly FilteredTable[]): string {
  return tables.reduce(
    (changed, { reference, condition }) =>
      changed.replaceAll(
        new RegExp(`\\bfrom ${reference.replace(".", "\\.")} as `, "g"),
        () => `from (select * from ${reference} where ${condition}) as `,
      ),
    text,
  );
}
