import { createHash } from "node:crypto";

import { type SQL, sql } from "pg-sql2";
import { type PgCodec, TYPES } from "postgraphile/@dataplan/pg";

import { concatenation, literal, type Part, plainJson } from "./columnJson.ts";
import { NotCompilable } from "./NotCompilable.ts";
import type { OrderPart } from "./PageQuery.ts";

const TEXT = TYPES.text as PgCodec;
const DIGEST_LENGTH = 10;
/** Of which Grafast writes something else than null in a cursor, or nothing at all. */
const NEVER_NULL: ReadonlySet<PgCodec> = new Set([TYPES.int, TYPES.int2, TYPES.boolean] as PgCodec[]);

/**
 * The JSON of a row's cursor, as Grafast makes it: what the list is ordered by, and the row's values of that.
 *
 * @param orders of the list.
 * @param valueOf where the row has a value that it is ordered by.
 */
export function cursorJson(orders: readonly OrderPart[], valueOf: (index: number) => SQL): SQL {
  if (orders.every(({ isNullable }) => isNullable)) {
    // Grafast has no cursor where all values are null, and then no edge either.
    throw new NotCompilable("a cursor of values that may all be null");
  }
  const values = orders.map(({ codec, isNullable }, index): Part[] => {
    if (isNullable && NEVER_NULL.has(codec)) {
      throw new NotCompilable("a cursor of a number that may be null");
    }
    const value = valueOf(index);
    // The API's names of an enum's values are for its own fields; a cursor has the database's.
    const json = codec.isEnum
      ? plainJson(sql`${value}::text`, TEXT, !isNullable)
      : plainJson(value, codec, !isNullable);
    return index === 0 ? json : [",", ...json];
  });
  const text = concatenation([`["${orderDigest(orders)}",`, ...values.flat(), "]"]);
  return sql`'"' || replace(encode(convert_to(${text}, 'UTF8'), 'base64'), ${literal("\n")}, '') || '"'`;
}

/** What a cursor begins with: it is of a list in this order, and of no other. */
export function orderDigest(orders: readonly OrderPart[]): string {
  const texts = orders.map(({ fragment }) => sql.compile(fragment).text);
  return createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, DIGEST_LENGTH);
}
