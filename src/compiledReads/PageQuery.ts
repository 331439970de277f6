import { type SQL, sql } from "pg-sql2";
import {
  type PgCodec,
  PgCondition,
  type PgOrderSpec,
  type PgSelectQueryBuilder,
} from "postgraphile/@dataplan/pg";

import type { Rows } from "./fieldMeaning.ts";
import { NotCompilable } from "./NotCompilable.ts";

type Embeddable<T> = T | ((embed: typeof sql) => T);
type Condition = Parameters<PgSelectQueryBuilder["where"]>[0];

/** One thing that a list is ordered by. */
export interface OrderPart {
  fragment: SQL;
  codec: PgCodec;
  isNullable: boolean;
  direction: "ASC" | "DESC";
  nulls: "FIRST" | "LAST" | null | undefined;
}

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

  /** Whether no two rows have the same place in the list, as far as is known. */
  get isOrderUnique(): boolean {
    return this.#isOrderUnique || this.#rows.uniques[0] !== undefined;
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
  get orders(): OrderPart[] {
    const asked = this.#orders.map((order) => this.#part(order));
    const unique = this.#isOrderUnique ? undefined : this.#rows.uniques[0];
    const direction = asked[0]?.direction ?? "ASC";
    const rest = (unique?.attributes ?? []).map((attribute) => this.#part({ attribute, direction }));
    return [...asked, ...rest];
  }

  #part(order: PgOrderSpec): OrderPart {
    const { direction, nulls } = order;
    if (order.attribute === undefined) {
      const { fragment, codec, nullable = true } = order;
      return { fragment, codec, isNullable: nullable, direction, nulls };
    }
    const attribute = this.#rows.codec.attributes[order.attribute];
    if (!attribute || attribute.via !== undefined || order.callback) {
      throw new NotCompilable("an order by an expression");
    }
    const { codec } = attribute;
    const isNullable = !attribute.notNull && !codec.notNull;
    return { fragment: this.column(order.attribute), codec, isNullable, direction, nulls };
  }
}

/** `order by …`, or the other way round. */
export function orderSql(orders: readonly OrderPart[], isReversed: boolean): SQL {
  const [last, first] = isReversed ? (["FIRST", "LAST"] as const) : (["LAST", "FIRST"] as const);
  const descending = isReversed ? "ASC" : "DESC";
  const parts = orders.map(({ fragment, direction, nulls }) => {
    const placed = nulls === last ? sql` nulls last` : nulls === first ? sql` nulls first` : sql.blank;
    return sql`${fragment} ${direction === descending ? sql`desc` : sql`asc`}${placed}`;
  });
  return parts.length === 0 ? sql.blank : sql` order by ${sql.join(parts, ", ")}`;
}
