import {
  type FieldNode,
  type FragmentDefinitionNode,
  getDirectiveValues,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  isAbstractType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from "graphql";

import { NotCompilable } from "./NotCompilable.ts";

export interface Selecting {
  schema: GraphQLSchema;
  fragments: Readonly<Record<string, FragmentDefinitionNode>>;
  /** Coerced. */
  variables: Readonly<Record<string, unknown>>;
}

const KNOWN_DIRECTIVES = new Set(["include", "skip"]);

/**
 * The fields that selections ask of a type, by the name that each has in the answer, in the order of the answer
 * (https://spec.graphql.org/October2021/#CollectFields()).
 */
export function collectFields(
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
  selecting: Selecting,
): Map<string, [FieldNode, ...FieldNode[]]> {
  const fields = new Map<string, [FieldNode, ...FieldNode[]]>();
  const visited = new Set<string>();
  const collect = (selections: readonly SelectionNode[]): void => {
    for (const node of selections.filter((each) => isIncluded(each, selecting))) {
      if (node.kind === Kind.FIELD) {
        const key = (node.alias ?? node.name).value;
        const same = fields.get(key);
        if (same) {
          same.push(node);
        } else {
          fields.set(key, [node]);
        }
      } else if (node.kind === Kind.INLINE_FRAGMENT) {
        if (applies(node.typeCondition?.name.value, type, selecting.schema)) {
          collect(node.selectionSet.selections);
        }
      } else if (!visited.has(node.name.value)) {
        visited.add(node.name.value);
        const fragment = selecting.fragments[node.name.value];
        if (fragment && applies(fragment.typeCondition.name.value, type, selecting.schema)) {
          collect(fragment.selectionSet.selections);
        }
      }
    }
  };
  sets.forEach(({ selections }) => collect(selections));
  return fields;
}

function isIncluded(node: SelectionNode, { variables }: Selecting): boolean {
  if (node.directives?.some(({ name }) => !KNOWN_DIRECTIVES.has(name.value))) {
    throw new NotCompilable("a directive");
  }
  return (
    getDirectiveValues(GraphQLSkipDirective, node, variables)?.if !== true &&
    getDirectiveValues(GraphQLIncludeDirective, node, variables)?.if !== false
  );
}

function applies(condition: string | undefined, type: GraphQLObjectType, schema: GraphQLSchema): boolean {
  if (condition === undefined || condition === type.name) {
    return true;
  }
  const conditional = schema.getType(condition);
  return isAbstractType(conditional) && schema.isSubType(conditional, type);
}
