import { type SQL, sql } from "pg-sql2";
import type { PgCodecAttribute } from "postgraphile/@dataplan/pg";

import type { Link, Rows } from "./fieldMeaning.ts";
import { NotCompilable } from "./NotCompilable.ts";

/** That Postgres takes. */
const MOST_ARGUMENTS = 100;

/** The rows of one place in an answer, and which of their columns are needed there. */
export class RowScope {
  readonly rows: Rows;
  readonly alias: SQL;
  readonly #used = new Set<string>();
  readonly #computed: SQL[] = [];
  readonly #ofNothing: SQL[] = [];
  readonly #usedOrders = new Set<number>();

  readonly #isPage: boolean;

  /** @param isPage whether the rows are cut out of a list first, so that only what has been asked for by then is left of them. */
  constructor(rows: Rows, isPage = false) {
    this.rows = rows;
    this.#isPage = isPage;
    this.alias = sql.identifier(Symbol(rows.name));
  }

  column(attribute: string): SQL {
    this.#used.add(attribute);
    return sql`${this.alias}.${sql.identifier(attribute)}`;
  }

  /**
   * What a function makes of the row. Of a list it is computed where the page is cut, as Grafast does: outside there is no
   * whole row any more.
   *
   * @param expressionOf of the row, or of what stands for it.
   */
  computed(expressionOf: (row: SQL) => SQL): SQL {
    const expression = expressionOf(this.alias);
    this.#ofNothing.push(expressionOf(sql`null::${this.rows.codec.sqlType}`));
    if (!this.#isPage) {
      return expression;
    }
    this.#computed.push(expression);
    return sql`${this.alias}.${RowScope.#computedName(this.#computed.length - 1)}`;
  }

  /** The same as is computed of the row, of none. */
  get ofNothing(): readonly SQL[] {
    return this.#ofNothing;
  }

  static #computedName(index: number): SQL {
    return sql.identifier(`computed_${index}`);
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

  /** What was asked for so far, for the list of a select. */
  get columns(): SQL {
    const columns = [
      ...[...this.#used].map((attribute) => sql`${this.alias}.${sql.identifier(attribute)}`),
      ...this.#computed.map((expression, index) => sql`${expression} as ${RowScope.#computedName(index)}`),
    ];
    return columns.length === 0 ? sql`1 as x` : sql.join(columns, ", ");
  }

  /**
   * Whether a row that a function gives has what each row of its table has: none keeps a function from giving null where a
   * column has none. The statement fails then, and the request takes the other way.
   */
  get isWhole(): SQL {
    const { attributes } = this.rows.codec;
    const present = Object.entries<PgCodecAttribute>(attributes).filter(
      ([, { notNull, via, expression, extensions }]) =>
        notNull && !via && !expression && extensions?.tags?.notNull === undefined,
    );
    if (present.length === 0 || present.length > MOST_ARGUMENTS) {
      throw new NotCompilable("rows of which nothing is sure");
    }
    const columns = present.map(([attribute]) => sql`${this.alias}.${sql.identifier(attribute)}`);
    const found = sql`num_nonnulls(${sql.join(columns, ", ")})`;
    const count = sql.literal(present.length);
    return sql`case when ${found} = ${count} then true else ('less: ' || ${found})::int::boolean end`;
  }

  /** `from` of the table or the function. */
  get source(): SQL {
    const { from } = this.rows;
    return sql`${typeof from === "function" ? from() : from} as ${this.alias}`;
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
