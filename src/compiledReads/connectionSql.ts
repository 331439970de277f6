import {
  type FieldNode,
  getArgumentValues,
  getNamedType,
  getNullableType,
  type GraphQLField,
  type GraphQLObjectType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";
import { type SQL, sql } from "pg-sql2";

import { leaveOutArchived } from "../../plugins/ArchivedRowsPlugin.ts";
import { collectFields } from "./collectFields.ts";
import { type ReadCompiler, selectionSets } from "./compileRead.ts";
import type { Link, Rows } from "./fieldMeaning.ts";
import { NotCompilable } from "./NotCompilable.ts";
import { PageQuery } from "./PageQuery.ts";
import { RowScope } from "./RowScope.ts";
import { manyRows, type ResultSql, type RowSql } from "./rowsSql.ts";

type Field = GraphQLField<unknown, unknown>;

export interface ListField {
  field: Field;
  nodes: readonly [FieldNode, ...FieldNode[]];
  rows: Rows;
  /** Whose rows; null for all. */
  follows: { link: Link; from: RowScope } | null;
}

const NEVER_GIVEN = ["last", "before", "after"];
const ARGUMENTS = new Set([...NEVER_GIVEN, "first", "offset", "orderBy", "includeArchived", "filter"]);

/** A connection: its one list of rows, as `nodes` or as `edges`, with what else stands beside it. */
export function connectionSql(compiler: ReadCompiler, list: ListField): ResultSql {
  const type = getNamedType(list.field.type);
  if (!isObjectType(type)) {
    throw new NotCompilable("a list that is no connection");
  }
  const scope = new RowScope(list.rows);
  const before: (string | SQL)[] = [];
  const after: (string | SQL)[] = [];
  let row: RowSql | null = null;
  for (const [key, nodes] of collectFields(type, selectionSets(list.nodes), compiler.selecting)) {
    const parts = row === null ? before : after;
    parts.push(`${before.length === 0 ? "{" : ","}${JSON.stringify(key)}:`);
    const name = nodes[0].name.value;
    if (name === "__typename") {
      parts.push(JSON.stringify(type.name));
    } else if (name === "totalCount") {
      parts.push(totalCount(compiler, list));
    } else if ((name === "nodes" || name === "edges") && row === null) {
      row = listedRow(compiler, { type, nodes, scope });
      before.push("[");
      after.push("]");
    } else {
      throw new NotCompilable(`${name} of a connection`);
    }
  }
  if (row === null) {
    throw new NotCompilable("a connection without rows");
  }
  after.push("}");
  const page = pageOf(compiler, list, scope);
  return manyRows(row, { page, alias: scope.alias }, { before, after });
}

/** One of `nodes`, or one of `edges` with its `node`. */
function listedRow(
  compiler: ReadCompiler,
  { type, nodes, scope }: { type: GraphQLObjectType; nodes: [FieldNode, ...FieldNode[]]; scope: RowScope },
): RowSql {
  const name = nodes[0].name.value;
  const item = getNamedType(type.getFields()[name]?.type);
  if (!isObjectType(item)) {
    throw new NotCompilable(`${name} of a connection`);
  }
  if (name === "nodes") {
    return compiler.row(item, selectionSets(nodes), scope);
  }
  return edgeRow(compiler, item, { nodes, scope });
}

function edgeRow(
  compiler: ReadCompiler,
  edge: GraphQLObjectType,
  { nodes, scope }: { nodes: readonly FieldNode[]; scope: RowScope },
): RowSql {
  const json: (string | SQL)[] = [];
  const rows: RowSql[] = [];
  for (const [key, [first, ...more]] of collectFields(edge, selectionSets(nodes), compiler.selecting)) {
    json.push(`${json.length === 0 ? "{" : ","}${JSON.stringify(key)}:`);
    const node = getNamedType(edge.getFields()[first.name.value]?.type);
    if (first.name.value === "__typename") {
      json.push(JSON.stringify(edge.name));
    } else if (first.name.value === "node" && isObjectType(node)) {
      const row = compiler.row(node, selectionSets([first, ...more]), scope);
      rows.push(row);
      json.push(...row.json);
    } else {
      throw new NotCompilable(`${first.name.value} of an edge`);
    }
  }
  return {
    json: [...json, "}"],
    joins: rows.flatMap(({ joins }) => joins),
    counts: rows.flatMap(({ counts }) => counts),
    owners: rows.flatMap(({ owners }) => owners),
  };
}

function pageOf(compiler: ReadCompiler, list: ListField, scope: RowScope): SQL {
  const { query, first, offset } = readArguments(compiler, list, scope);
  const limit = sql` limit ${sql.literal(first)}${offset > 0 ? sql` offset ${sql.literal(offset)}` : sql.blank}`;
  return sql`select ${scope.columns} from ${scope.source} where ${query.condition}${query.order}${limit}`;
}

function totalCount(compiler: ReadCompiler, list: ListField): SQL {
  const scope = new RowScope(list.rows);
  const { query } = readArguments(compiler, list, scope);
  return sql`(select count(*) from ${scope.source} where ${query.condition})`;
}

function readArguments(
  { selecting, defaultPageSize }: ReadCompiler,
  { field, nodes, rows, follows }: ListField,
  scope: RowScope,
): { query: PageQuery; first: number; offset: number } {
  const given = getArgumentValues(field, nodes[0], selecting.variables);
  const query = new PageQuery(rows, scope.alias);
  if (follows) {
    query.where(scope.follows(follows.link, follows.from));
  }
  if (
    Object.keys(given).some((name) => !ARGUMENTS.has(name)) ||
    NEVER_GIVEN.some((name) => given[name] != null)
  ) {
    throw new NotCompilable("an argument of a list");
  }
  if (given.filter !== undefined && given.filter !== null) {
    throw new NotCompilable("a filter");
  }
  orderBy(field, given.orderBy, query);
  if (field.args.some(({ name }) => name === "includeArchived") && given.includeArchived !== true) {
    leaveOutArchived(query);
  }
  return { query, first: Number(given.first ?? defaultPageSize), offset: Number(given.offset ?? 0) };
}

/** What each member of the order's type says for itself, as Grafast applies it. */
function orderBy(field: Field, given: unknown, query: PageQuery): void {
  const type = field.args.find(({ name }) => name === "orderBy")?.type;
  const list = type && getNullableType(type);
  const item = list && isListType(list) && isNonNullType(list.ofType) ? list.ofType.ofType : undefined;
  for (const value of (given ?? []) as unknown[]) {
    const member = isEnumType(item) ? item.getValues().find((each) => each.value === value) : undefined;
    if (!member) {
      throw new NotCompilable("an order");
    }
    member.extensions.grafast?.apply?.(query as never, { scope: undefined, value: member } as never);
  }
}
