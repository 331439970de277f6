import type { ValueNode } from "graphql";
import { type SQL, sql } from "pg-sql2";

import { orderDigest } from "./cursorJson.ts";
import { KeyValue, valueOf } from "./keyValues.ts";
import { NotCompilable } from "./NotCompilable.ts";
import type { OrderPart, PageQuery } from "./PageQuery.ts";

interface Compared extends OrderPart {
  /** The value of the cursor's row. */
  value: SQL;
}

/**
 * That a row comes behind the one that a cursor names (https://relay.dev/graphql/connections.htm#ApplyCursorsToEdges()). The
 * cursor's values are parameters: another cursor is the same statement.
 *
 * @param cursor the argument `after`, which is given.
 */
export function behindCursor(query: PageQuery, cursor: ValueNode): SQL {
  const { orders } = query;
  if (!query.isOrderUnique) {
    throw new NotCompilable("a cursor in an order that is not unique");
  }
  const digest = orderDigest(orders);
  const compared = orders.map((order, index): Compared => {
    const value = new KeyValue((variables) =>
      valueInCursor(valueOf(cursor, variables), digest, orders.length, index),
    );
    return { ...order, value: sql`${sql.value(value as never)}::${order.codec.sqlType}` };
  });
  const [first] = compared;
  const isOneComparison =
    first !== undefined && compared.every((each) => !each.isNullable && each.direction === first.direction);
  // One comparison of rows is what an index can be entered with.
  return isOneComparison
    ? sql`(${list(compared, "fragment")}) ${comparator(first)} (${list(compared, "value")})`
    : comesBehind(compared);
}

function list(compared: readonly Compared[], part: "fragment" | "value"): SQL {
  return sql.join(
    compared.map((each) => each[part]),
    ", ",
  );
}

const comparator = ({ direction }: OrderPart): SQL => (direction === "ASC" ? sql`>` : sql`<`);

/** By the first value in which they differ. */
function comesBehind([first, ...others]: readonly Compared[]): SQL {
  if (first === undefined) {
    throw new NotCompilable("a cursor in no order");
  }
  const { fragment, value, isNullable } = first;
  const isBehind = isNullable
    ? sql`(${fragment} ${comparator(first)} ${value} or ${isBehindNull(first)})`
    : sql`${fragment} ${comparator(first)} ${value}`;
  const same = isNullable ? sql`is not distinct from` : sql`=`;
  return others.length === 0
    ? isBehind
    : sql`(${isBehind} or (${fragment} ${same} ${value} and ${comesBehind(others)}))`;
}

/** That one is null and the other is not, and the row is the one behind. */
function isBehindNull({ fragment, value, direction, nulls }: Compared): SQL {
  const areNullsFirst = nulls === "FIRST" || (nulls !== "LAST" && direction === "DESC");
  return areNullsFirst
    ? sql`(${fragment} is not null and ${value} is null)`
    : sql`(${fragment} is null and ${value} is not null)`;
}

/** What is wrong with a cursor is for Grafast to say. */
function valueInCursor(cursor: unknown, digest: string, count: number, index: number): string | null {
  const decoded = decode(cursor);
  const value: unknown =
    Array.isArray(decoded) && decoded[0] === digest && decoded.length === count + 1
      ? decoded[index + 1]
      : undefined;
  if (value === null || typeof value === "string") {
    return value;
  }
  if (typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  throw new NotCompilable("a cursor of another list");
}

function decode(cursor: unknown): unknown {
  try {
    return typeof cursor === "string"
      ? JSON.parse(Buffer.from(cursor, "base64").toString("utf8"))
      : undefined;
  } catch {
    return undefined;
  }
}
