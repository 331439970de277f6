import { type SQL, sql } from "pg-sql2";

import type { Link, Rows } from "./fieldMeaning.ts";

/** The rows of one place in an answer, and which of their columns are needed there. */
export class RowScope {
  readonly rows: Rows;
  readonly alias: SQL;
  readonly #used = new Set<string>();
  readonly #usedOrders = new Set<number>();

  constructor(rows: Rows) {
    this.rows = rows;
    this.alias = sql.identifier(Symbol(rows.name));
  }

  column(attribute: string): SQL {
    this.#used.add(attribute);
    return sql`${this.alias}.${sql.identifier(attribute)}`;
  }

  /** A value that the list of these rows is ordered by, for a cursor. */
  orderValue(index: number): SQL {
    this.#usedOrders.add(index);
    return sql`${this.alias}.${RowScope.orderName(index)}`;
  }

  get usedOrders(): number[] {
    return [...this.#usedOrders];
  }

  static orderName(index: number): SQL {
    return sql.identifier(`order_${index}`);
  }

  /** The columns asked for so far, for the list of a select. */
  get columns(): SQL {
    const columns = [...this.#used].map((attribute) => sql`${this.alias}.${sql.identifier(attribute)}`);
    return columns.length === 0 ? sql`1 as x` : sql.join(columns, ", ");
  }

  /** `from` of the table. */
  get source(): SQL {
    return sql`${this.rows.from as SQL} as ${this.alias}`;
  }

  /** That these rows are those to which a link leads from another's row. */
  follows({ localAttributes, remoteAttributes }: Link, from: RowScope): SQL {
    return sql.join(
      remoteAttributes.map(
        (remote, index) =>
          sql`${this.alias}.${sql.identifier(remote)} = ${from.column(localAttributes[index] ?? "")}`,
      ),
      " and ",
    );
  }
}
