import { type SQL, sql } from "pg-sql2";

import { concatenation } from "./columnJson.ts";

/** What the rows of one place in an answer put on record: how often each column of patient data is shown, and of whom. */
export interface Count {
  /** Column → how often each row shows it. */
  columns: ReadonlyMap<string, number>;
  /** How many rows. */
  sql: SQL;
}

/** One row's part of the answer while it is put together. */
export interface RowSql {
  json: readonly (string | SQL)[];
  /** Lateral joins that bring in what hangs on the row. */
  joins: readonly SQL[];
  counts: readonly Count[];
  /** Texts `organization/patient`, each of them null or several with blanks between. */
  owners: readonly SQL[];
}

/** A subquery of one row: `json`, `owners` and one column for each count. */
export interface ResultSql {
  query: SQL;
  counts: readonly ReadonlyMap<string, number>[];
  hasOwners: boolean;
}

const JSON_NAME = sql.identifier("j");
const OWNERS_NAME = sql.identifier("o");

/** Of an alias of such a subquery: the value in the answer, its owners, and its counts. */
export function useResult(
  alias: SQL,
  { counts, hasOwners }: ResultSql,
): { json: SQL; owners: SQL[]; counts: Count[] } {
  return {
    json: sql`${alias}.${JSON_NAME}`,
    owners: hasOwners ? [sql`${alias}.${OWNERS_NAME}`] : [],
    counts: counts.map((columns, index) => ({
      columns,
      sql: sql`coalesce(${alias}.${countName(index)}, 0)`,
    })),
  };
}

/** At most one row, `from` which and `where`. */
export function oneRow(row: RowSql, from: SQL, where: SQL): ResultSql {
  return describe(row, sql`select ${rowColumns(row)} from ${from}${joined(row)} where ${where}`);
}

/**
 * An array of the rows of `page`, in its order. What hangs on the rows is joined to the page when it has been cut; since a
 * join may change the order, the rows are numbered before.
 *
 * @param page a subquery, ordered, that has the columns that the row needs.
 */
export function manyRows(
  row: RowSql,
  { page, alias }: { page: SQL; alias: SQL },
  { before, after }: { before: readonly (string | SQL)[]; after: readonly (string | SQL)[] },
): ResultSql {
  const ordinal = sql.identifier("i");
  const source =
    row.joins.length === 0
      ? sql`(${page}) as ${alias}`
      : sql`(select p.*, row_number() over () as ${ordinal} from (${page}) as p) as ${alias}`;
  const order = row.joins.length === 0 ? sql.blank : sql` order by r.${ordinal}`;
  const ordinalColumn = row.joins.length === 0 ? sql.blank : sql`, ${alias}.${ordinal}`;
  const rows = sql`select ${rowColumns(row)}${ordinalColumn} from ${source}${joined(row)}`;
  const list = sql`string_agg(r.${JSON_NAME}, ','${order})`;
  const columns = [
    sql`${concatenation([...before, list, ...after])} as ${JSON_NAME}`,
    ...(row.owners.length > 0 ? [sql`string_agg(r.${OWNERS_NAME}, ' ') as ${OWNERS_NAME}`] : []),
    ...row.counts.map((_, index) => sql`sum(r.${countName(index)}) as ${countName(index)}`),
  ];
  return describe(row, sql`select ${sql.join(columns, ", ")} from (${rows}) as r`);
}

function rowColumns({ json, counts, owners }: RowSql): SQL {
  return sql.join(
    [
      sql`${concatenation(json)} as ${JSON_NAME}`,
      ...(owners.length > 0 ? [sql`${ownersSql(owners)} as ${OWNERS_NAME}`] : []),
      ...counts.map((count, index) => sql`${count.sql} as ${countName(index)}`),
    ],
    ", ",
  );
}

function ownersSql(owners: readonly SQL[]): SQL {
  const [first] = owners;
  return owners.length === 1 && first ? first : sql`concat_ws(' ', ${sql.join([...owners], ", ")})`;
}

function joined({ joins }: RowSql): SQL {
  return joins.length === 0 ? sql.blank : sql` ${sql.join([...joins], " ")}`;
}

function countName(index: number): SQL {
  return sql.identifier(`n${index}`);
}

function describe({ counts, owners }: RowSql, query: SQL): ResultSql {
  return { query, counts: counts.map(({ columns }) => columns), hasOwners: owners.length > 0 };
}
