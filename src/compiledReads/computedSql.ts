import { type FieldNode, getArgumentValues, type GraphQLField, isLeafType, isNonNullType } from "graphql";
import { type SQL, sql } from "pg-sql2";

import type { Computation } from "./fieldMeaning.ts";
import { KeyValue } from "./keyValues.ts";
import { NotCompilable } from "./NotCompilable.ts";
import type { RowScope } from "./RowScope.ts";

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
    const value = new KeyValue((variables) => {
      const values = getArgumentValues(field, node, variables);
      return textOf(codec.toPg(values[argument]));
    });
    return { placeholder: sql`${sql.value(value as never)}::${codec.sqlType}` };
  });
  return scope.computed(call({ placeholder: scope.alias }, ...given));
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
