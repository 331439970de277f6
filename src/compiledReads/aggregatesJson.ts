import { type FieldNode, getNamedType, type GraphQLObjectType, isObjectType } from "graphql";

import { collectFields, type Selecting } from "./collectFields.ts";
import { columnJson, type Part } from "./columnJson.ts";
import { selectionSets } from "./compileRead.ts";
import { meaningOf } from "./fieldMeaning.ts";
import { NotCompilable } from "./NotCompilable.ts";
import type { RowScope } from "./RowScope.ts";

/**
 * The JSON of what all rows of a list come to: sums, averages and the like, each an expression over `scope`.
 *
 * @param type for example `AppointmentAggregates`.
 */
export function aggregatesJson(
  type: GraphQLObjectType,
  nodes: readonly FieldNode[],
  scope: RowScope,
  selecting: Selecting,
): Part[] {
  const kinds = objectJson(type, nodes, selecting, (name, same) => {
    if (name === "keys") {
      // Of groups, which these are not.
      return ["null"];
    }
    const kind = getNamedType(type.getFields()[name]?.type);
    if (!isObjectType(kind)) {
      throw new NotCompilable(`the aggregate ${name}`);
    }
    return objectJson(kind, same, selecting, (column) => valueJson(kind, column, scope));
  });
  if (kinds.every((part) => typeof part === "string")) {
    throw new NotCompilable("aggregates of nothing");
  }
  return kinds;
}

function valueJson(kind: GraphQLObjectType, name: string, scope: RowScope): Part[] {
  const field = kind.getFields()[name];
  const meaning = field && meaningOf(field);
  const attribute =
    meaning?.kind === "aggregate" ? scope.rows.codec.attributes[meaning.attribute] : undefined;
  if (
    !field ||
    meaning?.kind !== "aggregate" ||
    !attribute ||
    attribute.via !== undefined ||
    attribute.expression
  ) {
    throw new NotCompilable(`the aggregate of ${name}`);
  }
  const { wrap, codec, isNeverNull } = meaning;
  const value = wrap(scope.column(meaning.attribute), attribute.codec);
  return columnJson(value, { codec, notNull: isNeverNull }, field.type);
}

function objectJson(
  type: GraphQLObjectType,
  nodes: readonly FieldNode[],
  selecting: Selecting,
  valueOf: (name: string, nodes: readonly FieldNode[]) => Part[],
): Part[] {
  const json: Part[] = [];
  for (const [key, same] of collectFields(type, selectionSets(nodes), selecting)) {
    const name = same[0].name.value;
    json.push(`${json.length === 0 ? "{" : ","}${JSON.stringify(key)}:`);
    json.push(...(name === "__typename" ? [JSON.stringify(type.name)] : valueOf(name, same)));
  }
  return [...json, json.length === 0 ? "{}" : "}"];
}
