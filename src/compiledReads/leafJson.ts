import { type FieldNode, getArgumentValues, type GraphQLField } from "graphql";

import { columnJson, type Part } from "./columnJson.ts";
import { computedSql, valuesJson } from "./computedSql.ts";
import type { FieldMeaning } from "./fieldMeaning.ts";
import { nodeIdJson } from "./nodeIdJson.ts";
import { NotCompilable } from "./NotCompilable.ts";
import type { RowScope } from "./RowScope.ts";

interface Leaf {
  field: GraphQLField<unknown, unknown>;
  node: FieldNode;
  scope: RowScope;
  /** Coerced. */
  variables: Readonly<Record<string, unknown>>;
}

/** The JSON of a field that leads to no other row; null where it does. */
export function leafJson(
  meaning: FieldMeaning | undefined,
  { field, node, scope, variables }: Leaf,
): Part[] | null {
  switch (meaning?.kind) {
    case "column": {
      const attribute = scope.rows.codec.attributes[meaning.attribute];
      if (!attribute || attribute.via !== undefined || attribute.expression || node.arguments?.length) {
        throw new NotCompilable(`the field ${field.name}`);
      }
      return columnJson(scope.column(meaning.attribute), attribute, field.type);
    }
    case "computed": {
      const { computation } = meaning;
      const value = computedSql(scope, computation, field, node);
      return columnJson(value, { codec: computation.codec, notNull: false }, field.type);
    }
    case "values":
      return [valuesJson(scope, meaning.computation, field, getArgumentValues(field, node, variables))];
    case "nodeId":
      return nodeIdJson(scope, meaning);
    default:
      return null;
  }
}
