import { type Client, DatabaseError } from "pg";

import { type NamedColumn, readTableDefinitions, type TableDefinition } from "./readTableDefinitions.ts";
import { withClient } from "./withClient.ts";

/** A column that a migration names otherwise than the table has it, although the migration has run. */
export interface IgnoredColumn {
  /** In the migration, counted in characters from 1. */
  position: number;
  message: string;
}

interface Finding {
  /** In the migration, counted in bytes from 0, as its parser does. */
  offset: number;
  message: string;
}

interface ExistingColumn {
  name: string;
  type: string;
  /** Type and modifier as the catalogue has them, to be compared. */
  key: string;
}

interface MeantType {
  type: string;
  /** Null where there is no such type; then `type` says so. */
  key: string | null;
}

const EXISTING = `\
select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.atttypid || ' ' || a.atttypmod as key
from pg_catalog.pg_attribute a
where a.attrelid = to_regclass($1)
and a.attnum > 0
and not a.attisdropped
order by a.attnum`;

/** Neither the type nor, where it has one, its schema. */
const NO_SUCH_TYPE = ["42704", "3F000"];

/**
 * Compares the tables that a migration makes with those that are there: `create table if not exists` and `add column if
 * not exists` do nothing, and say nothing, where there is one by that name, however the statement has changed since.
 *
 * @param url connection of the role that runs migrations.
 * @param sql the migration as Postgres was given it.
 * @param hasRun whether it has just run to its end; if it failed, only what fails for certain is told.
 */
export async function findIgnoredColumns(
  url: string,
  sql: string,
  { hasRun }: { hasRun: boolean },
): Promise<IgnoredColumn[]> {
  const { tables, blocks } = await readTableDefinitions(sql);
  if (tables.length === 0) {
    return [];
  }
  // What a block does to a column that it names is not known.
  const isLeftAlone = (name: string) =>
    blocks.some((body) => body.split(/\W+/).includes(name) || body.includes(`"${name}"`));
  return withClient(url, async (client) => {
    // Never committed: the tables that tell what a type means go with the connection.
    await client.query("begin");
    const found: Finding[] = [];
    for (const table of tables) {
      const { rows: existing } = await client.query<ExistingColumn>(EXISTING, [table.name]);
      if (existing.length > 0) {
        found.push(...missingColumns(table, existing, isLeftAlone));
        if (hasRun) {
          found.push(...(await otherTypes(client, table, existing, isLeftAlone)));
          found.push(...unnamedColumns(table, existing, isLeftAlone));
        }
      }
    }
    const bytes = Buffer.from(sql);
    return found
      .toSorted((one, other) => one.offset - other.offset)
      .map(({ offset, message }) => ({
        position: Array.from(bytes.subarray(0, offset).toString()).length + 1,
        message,
      }));
  });
}

type LeftAlone = (column: string) => boolean;

function missingColumns(
  { name: table, columns }: TableDefinition,
  existing: ExistingColumn[],
  isLeftAlone: LeftAlone,
): Finding[] {
  return [...columns.values()]
    .filter(({ name, isAdded }) => !isAdded && !isLeftAlone(name) && !has(existing, name))
    .map(({ name, type, offset }) => ({
      offset,
      message:
        `${table} exists already without ${name}: 'create table if not exists' does nothing to a table that is there.\n` +
        advise(`alter table ${table} add column if not exists ${name} ${type}`),
    }));
}

function unnamedColumns(
  { name: table, columns, offset, isComplete }: TableDefinition,
  existing: ExistingColumn[],
  isLeftAlone: LeftAlone,
): Finding[] {
  return offset === null || !isComplete
    ? []
    : existing
        .filter(({ name }) => !columns.has(name) && !isLeftAlone(name))
        .map(({ name, type }) => ({
          offset,
          message:
            `${table} exists already with a column ${name} (${type}), which the file does not name: ` +
            "'create table if not exists' does nothing to a table that is there.\n" +
            advise(`alter table ${table} drop column if exists ${name}`),
        }));
}

async function otherTypes(
  client: Client,
  { name: table, columns }: TableDefinition,
  existing: ExistingColumn[],
  isLeftAlone: LeftAlone,
): Promise<Finding[]> {
  const named = [...columns.values()].filter(
    ({ name, type }) => type !== null && !isLeftAlone(name) && has(existing, name),
  );
  const meant = await readTypes(client, named);
  return named.flatMap(({ name, offset }, index) => {
    const wanted = meant[index];
    const found = existing.find((column) => column.name === name);
    if (wanted === undefined || found === undefined || wanted.key === found.key) {
      return [];
    }
    const exists = `${table} exists already with ${name} as ${found.type}`;
    const message =
      wanted.key === null
        ? `${wanted.type}. Nothing has failed because ${exists}: 'if not exists' does not look further.`
        : `${exists}, not ${wanted.type}: 'if not exists' does nothing to what is there.\n` +
          advise(`alter table ${table} alter column ${name} type ${wanted.type}`);
    return [{ offset, message }];
  });
}

function advise(statement: string): string {
  return `Add '${statement};' after it, or stop what uses this database and make it anew: 'npx bailiwick migrate reset --erase' (loses its data).`;
}

function has(existing: ExistingColumn[], name: string): boolean {
  return existing.some((column) => column.name === name);
}

/** What Postgres makes of each type, whatever way it is written: it makes a column of it. */
async function readTypes(client: Client, columns: NamedColumn[]): Promise<MeantType[]> {
  await client.query("savepoint types");
  try {
    const definitions = columns.map(({ type }, index) => `c${index} ${type}`);
    // Its owner may make schemas in this database, and no temporary tables.
    await client.query("create schema bailiwick_types");
    await client.query(`create table bailiwick_types.columns (${definitions.join(", ")})`);
    const { rows } = await client.query<ExistingColumn>(EXISTING, ["bailiwick_types.columns"]);
    return rows;
  } catch (error) {
    if (!(error instanceof DatabaseError && NO_SUCH_TYPE.includes(error.code ?? ""))) {
      throw error;
    }
    if (columns.length === 1) {
      return [{ type: error.message, key: null }];
    }
  } finally {
    await client.query("rollback to savepoint types");
  }
  const one: MeantType[] = [];
  for (const column of columns) {
    one.push(...(await readTypes(client, [column])));
  }
  return one;
}
