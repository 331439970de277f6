import {
  getNullableType,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isScalarType,
  Kind,
  valueFromAST,
  type ValueNode,
  visit,
} from "graphql";

import { NotCompilable } from "./NotCompilable.ts";
import { RequestValue } from "./RequestValue.ts";

type Variables = Readonly<Record<string, unknown>>;
type Leaf = string | number;
type Path = readonly (string | number)[];

/** The argument of a list: what stands in the document. */
export interface FilterArgument {
  node: ValueNode;
  type: GraphQLInputType;
}

/** Operators to which a value is nothing but a value: the statement is the same with another. */
const COMPARISONS = new Set([
  "equalTo",
  "notEqualTo",
  "distinctFrom",
  "notDistinctFrom",
  "lessThan",
  "lessThanOrEqualTo",
  "greaterThan",
  "greaterThanOrEqualTo",
]);
/** Scalars whose values Postgres is given as they are. */
const SCALARS = new Set(["UUID", "String", "Int", "BigInt", "BigFloat", "Date", "Datetime"]);

/**
 * What a filter's statement depends on: all of it but what is compared with. What this leaves out must be a parameter in
 * withParameters(): otherwise a statement would answer with the value of an earlier request.
 */
export function filterShape({ node, type }: FilterArgument, variables: Variables): unknown {
  const value = valueFromAST(node, type, variables);
  return value === undefined
    ? []
    : replaceLeaves(value, type, {
        compared: (leaf) => ["any", typeof leaf],
        other: (leaf) => ["this", leaf],
      });
}

/** Whether requests give anything of it. */
export function hasVariables(node: ValueNode): boolean {
  let has = false;
  visit(node, { [Kind.VARIABLE]: () => void (has = true) });
  return has;
}

/**
 * The filter with a parameter of the statement in the place of each value that is compared with.
 *
 * @param value of the argument, coerced.
 */
export function withParameters(argument: FilterArgument, value: unknown): unknown {
  if (!hasVariables(argument.node)) {
    return value;
  }
  // Read once for all parameters of a request, and gone with it: statements are remembered, what people look for must not be.
  const read = new WeakMap<Variables, unknown>();
  const valueOf = (variables: Variables) => {
    if (!read.has(variables)) {
      read.set(variables, valueFromAST(argument.node, argument.type, variables));
    }
    return read.get(variables);
  };
  return replaceLeaves(value, argument.type, {
    compared: (_leaf, path) => new RequestValue((variables) => leafAt(valueOf(variables), path)),
    other: (leaf) => leaf,
  });
}

function leafAt(value: unknown, path: Path): Leaf {
  const leaf = path.reduce<unknown>(
    (inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key],
    value,
  );
  if (!isLeaf(leaf)) {
    throw new NotCompilable("a filter of another shape");
  }
  return leaf;
}

function isLeaf(value: unknown): value is Leaf {
  return typeof value === "string" || typeof value === "number";
}

interface Replacing {
  compared: (leaf: Leaf, path: Path) => unknown;
  other: (leaf: unknown) => unknown;
}

function replaceLeaves(value: unknown, given: GraphQLInputType, by: Replacing, path: Path = []): unknown {
  const type = getNullableType(given);
  if (isListType(type) && Array.isArray(value)) {
    return value.map((item, index) => replaceLeaves(item, type.ofType, by, [...path, index]));
  }
  if (isInputObjectType(type) && typeof value === "object" && value !== null) {
    const fields = type.getFields();
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [
        name,
        fields[name] ? replaceLeaves(inner, fields[name].type, by, [...path, name]) : by.other(inner),
      ]),
    );
  }
  const isCompared =
    COMPARISONS.has(String(path.at(-1))) &&
    (isEnumType(type) || (isScalarType(type) && SCALARS.has(type.name)));
  return isCompared && isLeaf(value) ? by.compared(value, path) : by.other(value);
}
