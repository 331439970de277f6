import { type SQL, sql } from "pg-sql2";
import { PgCondition, type PgOrderSpec, type PgSelectQueryBuilder } from "postgraphile/@dataplan/pg";

import type { Rows } from "./fieldMeaning.ts";
import { NotCompilable } from "./NotCompilable.ts";

type Embeddable<T> = T | ((embed: typeof sql) => T);
type Condition = Parameters<PgSelectQueryBuilder["where"]>[0];

/**
 * Collects what arguments do to a list: what filters and orders say in their `apply`, the same that Grafast calls when it
 * plans the list itself.
 */
export class PageQuery {
  readonly alias: SQL;
  readonly mode = "normal";
  readonly #rows: Rows;
  readonly #conditions: SQL[] = [];
  readonly #orders: PgOrderSpec[] = [];
  #isOrderUnique = false;

  constructor(rows: Rows, alias: SQL) {
    this.#rows = rows;
    this.alias = alias;
  }

  where(given: Embeddable<Condition>): void {
    const condition = typeof given === "function" ? (given as (embed: typeof sql) => Condition)(sql) : given;
    this.#conditions.push(
      sql.isSQL(condition)
        ? condition
        : (condition as { callback: (column: SQL) => SQL }).callback(
            this.column((condition as { attribute: string }).attribute),
          ),
    );
  }

  whereBuilder(): PgCondition {
    return new PgCondition(this as never);
  }

  orderBy(given: Embeddable<PgOrderSpec>): void {
    this.#orders.push(
      typeof given === "function" ? (given as (embed: typeof sql) => PgOrderSpec)(sql) : given,
    );
  }

  setOrderIsUnique(): void {
    this.#isOrderUnique = true;
  }

  /** Whatever else an argument may want of a query. */
  singleRelation(): never {
    throw new NotCompilable("an order by another table's column");
  }

  column(attribute: string): SQL {
    return sql`${this.alias}.${sql.identifier(attribute)}`;
  }

  get condition(): SQL {
    return this.#conditions.length === 0
      ? sql.true
      : sql.join(
          this.#conditions.map((each) => sql`(${each})`),
          " and ",
        );
  }

  /** As Grafast orders: what is asked for, and then what makes the order unique. */
  get order(): SQL {
    const orders = this.#orders.map((order) => this.#orderSql(order));
    const unique = this.#isOrderUnique ? undefined : this.#rows.uniques[0];
    const direction = this.#orders[0]?.direction ?? "ASC";
    const rest = (unique?.attributes ?? []).map((attribute) =>
      this.#orderSql({ fragment: this.column(attribute), direction } as PgOrderSpec),
    );
    const all = [...orders, ...rest];
    return all.length === 0 ? sql.blank : sql` order by ${sql.join(all, ", ")}`;
  }

  #orderSql(order: PgOrderSpec): SQL {
    const { direction, nulls } = order;
    const nullsSql = nulls === "LAST" ? sql` nulls last` : nulls === "FIRST" ? sql` nulls first` : sql.blank;
    return sql`${this.#ordered(order)} ${direction === "DESC" ? sql`desc` : sql`asc`}${nullsSql}`;
  }

  #ordered(order: PgOrderSpec): SQL {
    if (order.attribute === undefined) {
      return order.fragment;
    }
    const codec = this.#rows.codec.attributes[order.attribute];
    if (!codec || codec.via !== undefined || order.callback) {
      throw new NotCompilable("an order by an expression");
    }
    return this.column(order.attribute);
  }
}
