import { type FieldNode, Kind, valueFromASTUntyped, type ValueNode } from "graphql";
import { type SQL, sql } from "pg-sql2";
import { type PgCodec, TYPES } from "postgraphile/@dataplan/pg";

import { isUuid } from "../auth/claims.ts";
import type { RowMeaning } from "./fieldMeaning.ts";
import { NotCompilable } from "./NotCompilable.ts";
import { RequestValue } from "./RequestValue.ts";
import type { RowScope } from "./RowScope.ts";

/** That a row is the one that the arguments of a field name. */
export function keyCondition(row: RowScope, { nodeIdentifier, keys }: RowMeaning, node: FieldNode): SQL {
  const conditions = Object.entries(keys).map(([argument, attribute]) => {
    const given = node.arguments?.find(({ name }) => name.value === argument)?.value;
    if (!given || row.rows.codec.attributes[attribute]?.codec !== (TYPES.uuid as PgCodec)) {
      throw new NotCompilable("a key that is no uuid");
    }
    const value = new RequestValue((variables) => {
      const text = valueOf(given, variables);
      return uuidOf(nodeIdentifier === null ? text : keyInNodeId(text, nodeIdentifier));
    });
    return sql`${row.alias}.${sql.identifier(attribute)} = ${sql.value(value as never)}::uuid`;
  });
  return sql.join(conditions, " and ");
}

/** Of an argument: what stands in the document, or what the request gives. */
export function valueOf(node: ValueNode, variables: Readonly<Record<string, unknown>>): unknown {
  return node.kind === Kind.VARIABLE ? variables[node.name.value] : valueFromASTUntyped(node);
}

/** The name of the type whose row a global id names; null if it is none. */
export function typeInNodeId(nodeId: unknown): string | null {
  const [typeName] = decode(nodeId);
  return typeof typeName === "string" ? typeName : null;
}

/** Of a global id that names a row of the type; what any other means is for Grafast to say. */
function keyInNodeId(nodeId: unknown, identifier: string): unknown {
  const [typeName, key] = decode(nodeId);
  return typeName === identifier ? key : null;
}

function decode(nodeId: unknown): unknown[] {
  try {
    const decoded: unknown = JSON.parse(Buffer.from(String(nodeId), "base64").toString("utf8"));
    return Array.isArray(decoded) && decoded.length === 2 ? decoded : [];
  } catch {
    return [];
  }
}

function uuidOf(value: unknown): string {
  if (typeof value !== "string" || !isUuid(value)) {
    throw new NotCompilable("a key that is no uuid");
  }
  return value;
}
