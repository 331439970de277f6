import type { ValueNode } from "graphql";
import { type SQL, sql } from "pg-sql2";

import { orderDigest } from "./cursorJson.ts";
import { valueOf } from "./keyValues.ts";
import type { CursorSide } from "./listPage.ts";
import { NotCompilable } from "./NotCompilable.ts";
import type { OrderPart, PageQuery } from "./PageQuery.ts";
import { RequestValue } from "./RequestValue.ts";

interface Compared extends OrderPart {
  side: CursorSide;
  /** The value of the cursor's row. */
  value: SQL;
}

/**
 * That a row comes after the one that a cursor names, or before it (https://relay.dev/graphql/connections.htm#ApplyCursorsToEdges()). The
 * cursor's values are parameters: another cursor is the same statement.
 *
 * @param cursor the argument, which is given.
 */
export function besideCursor(query: PageQuery, side: CursorSide, cursor: ValueNode): SQL {
  const { orders } = query;
  if (!query.isOrderUnique) {
    throw new NotCompilable("a cursor in an order that is not unique");
  }
  const digest = orderDigest(orders);
  const compared = orders.map((order, index): Compared => {
    const value = new RequestValue((variables) =>
      valueInCursor(valueOf(cursor, variables), digest, orders.length, index),
    );
    return { ...order, side, value: sql`${sql.value(value as never)}::${order.codec.sqlType}` };
  });
  const [first] = compared;
  const isOneComparison =
    first !== undefined && compared.every((each) => !each.isNullable && each.direction === first.direction);
  // One comparison of rows is what an index can be entered with.
  return isOneComparison
    ? sql`(${list(compared, "fragment")}) ${comparator(first)} (${list(compared, "value")})`
    : liesBeside(compared);
}

function list(compared: readonly Compared[], part: "fragment" | "value"): SQL {
  return sql.join(
    compared.map((each) => each[part]),
    ", ",
  );
}

const comparator = ({ direction, side }: Compared): SQL =>
  (direction === "ASC") === (side === "after") ? sql`>` : sql`<`;

/** By the first value in which they differ. */
function liesBeside([first, ...others]: readonly Compared[]): SQL {
  if (first === undefined) {
    throw new NotCompilable("a cursor in no order");
  }
  const { fragment, value, isNullable } = first;
  const isBeside = isNullable
    ? sql`(${fragment} ${comparator(first)} ${value} or ${isBesideNull(first)})`
    : sql`${fragment} ${comparator(first)} ${value}`;
  const same = isNullable ? sql`is not distinct from` : sql`=`;
  return others.length === 0
    ? isBeside
    : sql`(${isBeside} or (${fragment} ${same} ${value} and ${liesBeside(others)}))`;
}

/** That one is null and the other is not, and the row is on the cursor's side. */
function isBesideNull({ fragment, value, direction, nulls, side }: Compared): SQL {
  const areNullsFirst = nulls === "FIRST" || (nulls !== "LAST" && direction === "DESC");
  return areNullsFirst === (side === "after")
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
