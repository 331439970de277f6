import type { ClientBase } from "pg";

import { EXPOSED_SCHEMAS } from "../../preset.ts";

/** The least that a person can say to one table with one command, so that its policies are all of the plan. */
export interface PolicyStatement {
  /** Such as `app_public.patients update`. */
  title: string;
  text: string;
  /** Changes are planned and never run. */
  isRun: boolean;
}

interface Relation {
  name: string;
  readable: string[];
  insertable: string[];
  updatable: string[];
  isDeletable: boolean;
}

/** For every table and view of the API, each command that a signed-in person has a grant for. */
export async function policyStatements(client: ClientBase): Promise<PolicyStatement[]> {
  const { rows } = await client.query<Relation>(RELATIONS, [EXPOSED_SCHEMAS]);
  return rows.flatMap(statementsOf);
}

const columnsWith = (privilege: string) =>
  `array(
     select quote_ident(a.attname) from pg_catalog.pg_attribute a
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     and has_column_privilege('app_user', c.oid, a.attnum, '${privilege}') order by a.attnum
   )`;

const RELATIONS = `
select format('%I.%I', n.nspname, c.relname) as name, ${columnsWith("select")} as readable,
  ${columnsWith("insert")} as insertable, ${columnsWith("update")} as updatable,
  has_table_privilege('app_user', c.oid, 'delete') as "isDeletable"
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p', 'v') and not c.relispartition
order by 1`;

function statementsOf({ name, readable, insertable, updatable, isDeletable }: Relation): PolicyStatement[] {
  const [changed] = updatable;
  const texts: [string, string | false | undefined][] = [
    ["select", readable.length > 0 && `select count(*) from ${name}`],
    ["insert", insertable.length > 0 && insertInto(name, insertable)],
    ["update", changed !== undefined && `update ${name} set ${changed} = default`],
    ["delete", isDeletable && `delete from ${name}`],
  ];
  return texts.flatMap(([command, text]) =>
    typeof text === "string" ? [{ title: `${name} ${command}`, text, isRun: command === "select" }] : [],
  );
}

function insertInto(name: string, columns: string[]): string {
  return `insert into ${name} (${columns.join(", ")}) values (${columns.map(() => "default").join(", ")})`;
}
