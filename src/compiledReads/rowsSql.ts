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
  /** What Grafast has functions compute where the row is missing. */
  ofNothing: readonly SQL[];
  /** Texts `organization/patient`, each of them null or several with blanks between. */
  owners: readonly SQL[];
}

/** A subquery of one row: `json`, `owners` and one column for each count. */
export interface ResultSql {
  query: SQL;
  counts: readonly ReadonlyMap<string, number>[];
  hasOwners: boolean;
  /** Of the one row that may be missing. */
  ofNothing: readonly SQL[];
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
  const query = sql`select ${rowColumns(row)} from ${from}${joined(row)} where ${where}`;
  return { ...describe(row, query), ofNothing: row.ofNothing };
}

/**
 * The JSON of a row that is missing where Grafast joins it to another's: it has functions compute something of null then, which
 * comes to nothing unless they fail.
 */
export function missingRow({ ofNothing }: ResultSql): SQL {
  const computed = ofNothing.map((value) => sql`left((${value})::text, 0)`);
  return computed.length === 0 ? sql`'null'` : concatenation(["null", ...computed]);
}

/** What is there without any row. */
export function noRows(json: readonly (string | SQL)[]): ResultSql {
  return describe(withoutRecord(json), sql`select ${concatenation(json)} as ${JSON_NAME}`);
}

/** What all rows `from` which and `where` come to. */
export function totalOfRows(json: readonly (string | SQL)[], from: SQL, where: SQL): ResultSql {
  return oneRow(withoutRecord(json), from, where);
}

function withoutRecord(json: readonly (string | SQL)[]): RowSql {
  return { json, joins: [], counts: [], owners: [], ofNothing: [] };
}

/** A list that is put together row by row. */
export interface ListSql {
  row: RowSql;
  /** A subquery, ordered, that has the columns that the row needs; under `alias`. */
  page: SQL;
  alias: SQL;
  /** Whether the page comes the other way round. */
  isReversed: boolean;
  /** How many of the page's rows are in the answer, if it may have one more to see whether there are more; else null. */
  shown: number | null;
  /** The JSON of each row's cursor, if the list's ends are asked for. */
  cursor: SQL | null;
  before: readonly ListPart[];
  after: readonly ListPart[];
}

/** What stands beside the rows of a list; one that is made of all rows is given what they are called, and which are shown. */
export type ListPart = string | SQL | ((rows: SQL, shown: SQL, isReversed: boolean) => SQL);

const ORDINAL = sql.identifier("i");
const CURSOR_NAME = sql.identifier("c");
const ROWS = sql.identifier("r");

/**
 * The rows of a page, in its order. What hangs on the rows is joined to the page when it has been cut; since a join may change
 * the order, the rows are numbered before.
 */
export function manyRows({ row, page, alias, isReversed, shown, cursor, before, after }: ListSql): ResultSql {
  const isNumbered = row.joins.length > 0 || isReversed || shown !== null || cursor !== null;
  const source = isNumbered
    ? sql`(select p.*, row_number() over () as ${ORDINAL} from (${page}) as p) as ${alias}`
    : sql`(${page}) as ${alias}`;
  const further = [
    ...(isNumbered ? [sql`, ${alias}.${ORDINAL}`] : []),
    ...(cursor ? [sql`, ${cursor} as ${CURSOR_NAME}`] : []),
  ];
  const rows = sql`select ${rowColumns(row)}${sql.join(further)} from ${source}${joined(row)}`;
  const filter =
    shown === null ? sql.blank : sql` filter (where ${ROWS}.${ORDINAL} <= ${sql.literal(shown)})`;
  const order = isNumbered ? orderOfRows(ROWS, isReversed) : sql.blank;
  const list = sql`string_agg(${ROWS}.${JSON_NAME}, ','${order})${filter}`;
  const use = (part: ListPart) => (typeof part === "function" ? part(ROWS, filter, isReversed) : part);
  const columns = [
    sql`${concatenation([...before.map(use), list, ...after.map(use)])} as ${JSON_NAME}`,
    ...(row.owners.length > 0
      ? [sql`string_agg(${ROWS}.${OWNERS_NAME}, ' ')${filter} as ${OWNERS_NAME}`]
      : []),
    ...row.counts.map((_, index) => sql`sum(${ROWS}.${countName(index)})${filter} as ${countName(index)}`),
  ];
  return describe(row, sql`select ${sql.join(columns, ", ")} from (${rows}) as ${ROWS}`);
}

function orderOfRows(rows: SQL, isReversed: boolean): SQL {
  return sql` order by ${rows}.${ORDINAL}${isReversed ? sql` desc` : sql.blank}`;
}

/** Whether there is a row beyond those that are shown. */
export const moreRows =
  (shown: number) =>
  (rows: SQL): SQL =>
    sql`case when count(${rows}.${ORDINAL}) > ${sql.literal(shown)} then 'true' else 'false' end`;

/** The cursor of the first row that is shown, or of the last. */
export const cursorAt =
  (end: "first" | "last") =>
  (rows: SQL, filter: SQL, isReversed: boolean): SQL => {
    const order = orderOfRows(rows, isReversed === (end === "first"));
    const cursors = sql`array_agg(${rows}.${CURSOR_NAME}${order})${filter}`;
    return sql`coalesce((${cursors})[1], 'null')`;
  };

function rowColumns({ json, counts, owners }: RowSql): SQL {
  return sql.join(
    [
      sql`${concatenation(json)} as ${JSON_NAME}`,
      ...(owners.length > 0 ? [sql`${joinOwners(owners)} as ${OWNERS_NAME}`] : []),
      ...counts.map((count, index) => sql`${count.sql} as ${countName(index)}`),
    ],
    ", ",
  );
}

/** Those of several places as one text. An array, because a function takes a hundred arguments at most. */
export function joinOwners(owners: readonly SQL[]): SQL {
  const [first] = owners;
  return owners.length === 1 && first
    ? first
    : sql`array_to_string(array[${sql.join([...owners], ", ")}]::text[], ' ')`;
}

function joined({ joins }: RowSql): SQL {
  return joins.length === 0 ? sql.blank : sql` ${sql.join([...joins], " ")}`;
}

function countName(index: number): SQL {
  return sql.identifier(`n${index}`);
}

function describe({ counts, owners }: RowSql, query: SQL): ResultSql {
  return { query, counts: counts.map(({ columns }) => columns), hasOwners: owners.length > 0, ofNothing: [] };
}
