import {
  type FieldNode,
  getArgumentValues,
  getNullableType,
  type GraphQLField,
  isLeafType,
  isListType,
  isNonNullType,
} from "graphql";
import { type SQL, sql } from "pg-sql2";

import { elementJson } from "./columnJson.ts";
import type { Computation } from "./fieldMeaning.ts";
import { NotCompilable } from "./NotCompilable.ts";
import { RequestValue } from "./RequestValue.ts";
import type { RowScope } from "./RowScope.ts";

/** The JSON of the values that a function gives of a row, in its order. */
export function valuesJson(
  scope: RowScope,
  { call, codec }: Computation,
  field: GraphQLField<unknown, unknown>,
  given: Readonly<Record<string, unknown>>,
): SQL {
  const type = getNullableType(field.type);
  const { first = null, offset = null, ...others } = given;
  if (!isListType(type) || Object.keys(others).length > 0) {
    throw new NotCompilable(`the field ${field.name}`);
  }
  const alias = sql.identifier(Symbol("value"));
  const limit = first === null ? sql.blank : sql` limit ${sql.literal(Number(first))}`;
  const skipped = offset === null ? sql.blank : sql` offset ${sql.literal(Number(offset))}`;
  const valuesOf = (row: SQL) =>
    sql`select v.x, row_number() over () as i from ${call({ placeholder: row })} as v (x)${limit}${skipped}`;
  const list = sql`string_agg(${elementJson(sql`${alias}.x`, codec, type.ofType)}, ',' order by ${alias}.i)`;
  return scope.computed((row) => sql`(select concat('[', ${list}, ']') from (${valuesOf(row)}) as ${alias})`);
}

/** What a function makes of a row: called as Grafast calls it, with what the request gives as parameters. */
export function computedSql(
  scope: RowScope,
  { call, parameters }: Computation,
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): SQL {
  const given = parameters.map(({ argument, codec }) => {
    const type = field.args.find(({ name }) => name === argument)?.type;
    // What may be left out, or be null, would make another call.
    if (!isNonNullType(type) || !isLeafType(type.ofType)) {
      throw new NotCompilable("an argument of a function");
    }
    const value = new RequestValue((variables) => {
      const values = getArgumentValues(field, node, variables);
      return textOf(codec.toPg(values[argument]));
    });
    return { placeholder: sql`${sql.value(value as never)}::${codec.sqlType}` };
  });
  return scope.computed((row) => call({ placeholder: row }, ...given));
}

function textOf(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  if (typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  throw new NotCompilable("an argument of a function");
}
