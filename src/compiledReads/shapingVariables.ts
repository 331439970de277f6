import { type DocumentNode, type GraphQLSchema, Kind, TypeInfo, visit, visitWithTypeInfo } from "graphql";

import { type FieldMeaning, meaningOf } from "./fieldMeaning.ts";
import { type FilterArgument, filterShape, hasVariables } from "./filterParameters.ts";
import { typeInNodeId } from "./keyValues.ts";
import { CURSOR_SIDES } from "./listPage.ts";

/** What is given to these is a parameter of the statement. */
const OF_KEYS = new Set<FieldMeaning["kind"]>(["computed", "row", "node"]);
const SIDES = new Set<string>(CURSOR_SIDES);

/** The variables on which it depends which statement an operation is: not those that are keys of single rows, or arguments of functions. */
export interface ShapingVariables {
  /** Another value makes another statement. */
  byValue: readonly string[];
  /** Cursors: there is one statement with each, and one without. */
  byPresence: readonly string[];
  /** Global ids: there is one statement for each type that they name. */
  byType: readonly string[];
  /** There is one statement for whatever values their columns are compared with. */
  filters: readonly FilterArgument[];
}

export function shapingVariables(document: DocumentNode, schema: GraphQLSchema): ShapingVariables {
  const shaping = new Set<string>();
  const cursors = new Map<unknown, string>();
  const keys = new Set<unknown>();
  const nodeIds = new Set<string>();
  const filters: FilterArgument[] = [];
  const types = new TypeInfo(schema);
  const visitor = visitWithTypeInfo(types, {
    VariableDefinition: () => false,
    Argument: ({ name, value }) => {
      const field = types.getFieldDef();
      const kind = types.getDirective() || !field ? undefined : meaningOf(field)?.kind;
      const type = types.getArgument()?.type;
      if (kind === "many" && name.value === "filter" && type) {
        if (hasVariables(value)) {
          filters.push({ node: value, type });
        }
        return false;
      }
      if (kind !== undefined && OF_KEYS.has(kind)) {
        keys.add(value);
        if (kind === "node" && value.kind === Kind.VARIABLE) {
          nodeIds.add(value.name.value);
        }
      } else if (SIDES.has(name.value) && value.kind === Kind.VARIABLE) {
        cursors.set(value, value.name.value);
      }
      return undefined;
    },
    Variable: (node) => {
      if (!keys.has(node) && !cursors.has(node)) {
        shaping.add(node.name.value);
      }
    },
  });
  visit(document, visitor);
  return {
    byValue: [...shaping].sort(),
    byPresence: [...new Set(cursors.values())].sort(),
    byType: [...nodeIds].sort(),
    filters,
  };
}

/** The same for all variables with which an operation is one statement. */
export function shapeOf(
  { byValue, byPresence, byType, filters }: ShapingVariables,
  variables: Readonly<Record<string, unknown>>,
): string {
  return JSON.stringify([
    // Null is a value: an argument's default stands for what is left out alone.
    ...byValue.map((name) => (variables[name] === undefined ? [] : [variables[name]])),
    ...byPresence.map((name) => (variables[name] ?? null) === null),
    ...byType.map((name) => typeInNodeId(variables[name])),
    ...filters.map((filter) => filterShape(filter, variables)),
  ]);
}
