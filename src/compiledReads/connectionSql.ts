import { type FieldNode, getNamedType, type GraphQLObjectType, isObjectType } from "graphql";
import { type SQL, sql } from "pg-sql2";

import { aggregatesJson } from "./aggregatesJson.ts";
import { besideCursor } from "./besideCursor.ts";
import { collectFields } from "./collectFields.ts";
import { concatenation } from "./columnJson.ts";
import { type ReadCompiler, selectionSets } from "./compileRead.ts";
import { cursorJson } from "./cursorJson.ts";
import { type ListField, type ListPage, listPage } from "./listPage.ts";
import { NotCompilable } from "./NotCompilable.ts";
import { orderSql } from "./PageQuery.ts";
import { RowScope } from "./RowScope.ts";
import {
  cursorAt,
  type ListPart,
  manyRows,
  moreRows,
  noRows,
  type ResultSql,
  type RowSql,
  totalOfRows,
} from "./rowsSql.ts";

/** The fields of a connection that show its rows. */
const ROWS = new Set(["nodes", "edges"]);

type Nodes = [FieldNode, ...FieldNode[]];

/** A connection: its one list of rows, as `nodes` or as `edges`, with what else stands beside it. */
export function connectionSql(compiler: ReadCompiler, list: ListField): ResultSql {
  return new ConnectionBuilder(compiler, list).build();
}

class ConnectionBuilder {
  readonly #compiler: ReadCompiler;
  readonly #list: ListField;
  readonly #scope: RowScope;
  readonly #page: ListPage;
  #hasRows = false;
  #row: RowSql | null = null;
  readonly #before: ListPart[] = [];
  readonly #after: ListPart[] = [];
  /** All rows of the list, whatever its page. */
  readonly #all: RowScope;
  #isTotalled = false;
  #looksBeyond = false;
  #hasEnds = false;

  constructor(compiler: ReadCompiler, list: ListField) {
    this.#compiler = compiler;
    this.#list = list;
    this.#scope = new RowScope(list.rows, true);
    this.#page = listPage(list, this.#scope, compiler);
    this.#all = new RowScope(list.rows);
  }

  build(): ResultSql {
    const type = objectType(this.#list.field.type);
    const fields = collectFields(type, selectionSets(this.#list.nodes), this.#compiler.selecting);
    this.#hasRows = [...fields.values()].some(([{ name }]) => ROWS.has(name.value));
    for (const [key, nodes] of fields) {
      this.#parts.push(`${this.#before.length === 0 ? "{" : ","}${JSON.stringify(key)}:`);
      this.#add(type, nodes);
    }
    if (this.#row === null) {
      return this.#withoutRows();
    }
    this.#after.push("}");
    const { size, isLast } = this.#page;
    return manyRows({
      row: this.#row,
      cursor: this.#hasEnds ? this.#cursor() : null,
      page: this.#pageSql(),
      alias: this.#scope.alias,
      isReversed: isLast,
      shown: this.#looksBeyond ? size : null,
      before: this.#before,
      after: this.#after,
    });
  }

  /** What the rows come to, and nothing of them: no page is read. */
  #withoutRows(): ResultSql {
    if (this.#looksBeyond || this.#hasEnds || this.#page.cursors.length > 0) {
      throw new NotCompilable("a page without its rows");
    }
    const parts = this.#before.filter((part) => typeof part !== "function");
    const json = parts.length === 0 ? ["{}"] : [...parts, "}"];
    return this.#isTotalled ? totalOfRows(json, this.#all.source, this.#conditionOfAll) : noRows(json);
  }

  /** What comes before the rows until they have come. */
  get #parts(): ListPart[] {
    return this.#row === null ? this.#before : this.#after;
  }

  #add(type: GraphQLObjectType, nodes: Nodes): void {
    const name = nodes[0].name.value;
    const target = type.getFields()[name]?.type;
    if (name === "__typename") {
      this.#parts.push(JSON.stringify(type.name));
    } else if (name === "totalCount") {
      this.#parts.push(this.#total(sql`count(*)`));
    } else if (name === "aggregates") {
      const { selecting } = this.#compiler;
      const json = aggregatesJson(objectType(target), nodes, this.#all, selecting);
      this.#parts.push(this.#total(concatenation(json)));
    } else if (name === "pageInfo") {
      this.#addPageInfo(objectType(target), nodes);
    } else if (ROWS.has(name) && this.#row === null) {
      const item = objectType(target);
      this.#before.push("[");
      this.#row =
        name === "nodes"
          ? this.#compiler.row(item, selectionSets(nodes), this.#scope)
          : this.#edge(item, nodes);
      this.#after.push("]");
    } else {
      throw new NotCompilable(`${name} of a connection`);
    }
  }

  #edge(type: GraphQLObjectType, nodes: Nodes): RowSql {
    const json: (string | SQL)[] = [];
    const rows: RowSql[] = [];
    for (const [key, same] of collectFields(type, selectionSets(nodes), this.#compiler.selecting)) {
      const name = same[0].name.value;
      json.push(`${json.length === 0 ? "{" : ","}${JSON.stringify(key)}:`);
      if (name === "__typename") {
        json.push(JSON.stringify(type.name));
      } else if (name === "cursor") {
        json.push(this.#cursor());
      } else {
        const node = objectType(type.getFields()[name]?.type);
        const row = this.#compiler.row(node, selectionSets(same), this.#scope);
        rows.push(row);
        json.push(...row.json);
      }
    }
    return {
      json: [...json, json.length === 0 ? "{}" : "}"],
      joins: rows.flatMap(({ joins }) => joins),
      counts: rows.flatMap(({ counts }) => counts),
      owners: rows.flatMap(({ owners }) => owners),
      ofNothing: [],
    };
  }

  #addPageInfo(type: GraphQLObjectType, nodes: Nodes): void {
    const parts = this.#parts;
    let separator = "{";
    for (const [key, [node]] of collectFields(type, selectionSets(nodes), this.#compiler.selecting)) {
      parts.push(`${separator}${JSON.stringify(key)}:`);
      separator = ",";
      parts.push(this.#pageInfo(type, node.name.value));
    }
    parts.push(separator === "{" ? "{}" : "}");
  }

  #pageInfo(type: GraphQLObjectType, name: string): ListPart {
    const { size, isLast, offset } = this.#page;
    switch (name) {
      case "hasNextPage":
        this.#looksBeyond = true;
        return isLast ? "false" : moreRows(size);
      case "hasPreviousPage":
        // Whichever is asked for, Grafast reads one more row, which may fail.
        this.#looksBeyond = true;
        return isLast ? moreRows(size) : offset > 0 ? "true" : "false";
      case "startCursor":
      case "endCursor":
        this.#hasEnds = true;
        return cursorAt(name === "startCursor" ? "first" : "last");
      case "__typename":
        return JSON.stringify(type.name);
      default:
        throw new NotCompilable(`${name} of a page`);
    }
  }

  #cursor(): SQL {
    const { query } = this.#page;
    return cursorJson(query.orders, (index) => this.#scope.orderValue(index));
  }

  /**
   * What all rows come to: beside a page of them asked for by itself, and without one all in one go.
   *
   * @param value of `#all`.
   */
  #total(value: SQL): SQL {
    this.#isTotalled = true;
    return this.#hasRows
      ? sql`(select ${value} from ${this.#all.source} where ${this.#conditionOfAll})`
      : value;
  }

  get #conditionOfAll(): SQL {
    return listPage(this.#list, this.#all, this.#compiler).query.condition;
  }

  #pageSql(): SQL {
    const { query, cursors, isLast, size, offset } = this.#page;
    const between = cursors.map(({ side, value }) => sql` and ${besideCursor(query, side, value)}`);
    const limit = sql.literal(this.#looksBeyond ? size + 1 : size);
    const orders = query.orders;
    const values = this.#scope.usedOrders.map((index) => {
      const order = orders[index];
      return order ? sql`, ${order.fragment} as ${RowScope.orderName(index)}` : sql.blank;
    });
    const skipped = offset > 0 ? sql` offset ${sql.literal(offset)}` : sql.blank;
    return sql`select ${this.#scope.columns}${sql.join(values)} from ${this.#scope.source} where ${query.condition}${sql.join(between)}${orderSql(orders, isLast)} limit ${limit}${skipped}`;
  }
}

function objectType(type: Parameters<typeof getNamedType>[0]): GraphQLObjectType {
  const named = getNamedType(type);
  if (!isObjectType(named)) {
    throw new NotCompilable("a type that is no object");
  }
  return named;
}
