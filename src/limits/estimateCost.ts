import {
  type DocumentNode,
  getNamedType,
  GraphQLError,
  type GraphQLField,
  type GraphQLSchema,
  isCompositeType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from "graphql";
import { type ComplexityEstimatorArgs, getComplexity } from "graphql-query-complexity";

import { AppError } from "../errors/AppError.ts";
import type { PageLimits } from "./parseLimits.ts";

export interface Operation {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null;
  variables?: Readonly<Record<string, unknown>> | null;
}

/** What a change costs more than a look: it is written, audited and announced. */
const MUTATION_COST = 10;
/** Of one row of a page, so that the whole connection costs about ten and fifty points more. */
const FIELD_COSTS: Readonly<Record<string, number>> = {
  totalCount: 0.2,
  aggregates: 0.2,
  groupedAggregates: 1,
};
/** Fields and fragments, each as often as it is spread: a short document can have no end. */
const MAXIMUM_NODES = 5000;
/** graphql-query-complexity says so by its text alone. */
const NODE_LIMIT_MESSAGE = "Query exceeds the maximum allowed number of nodes.";
const PAGE_ARGUMENTS = new Set(["first", "last", "offset"]);

/** Costs of documents whose pages are written out: they are the same for all variables. Null: of this one they are not. */
const fixedCosts = new WeakMap<DocumentNode, number | null>();

/**
 * Points that an operation costs at most, from its pages and before anything is planned: an object is one point, a list
 * as many as its page has rows times what hangs on each. At least 1. Throws BAD_USER_INPUT for a page that is out of
 * bounds, and a GraphQLError for variables that do not fit.
 */
export function estimateCost(operation: Operation, limits: PageLimits): number {
  const { schema, document, operationName, variables } = operation;
  const known = fixedCosts.get(document);
  if (typeof known === "number") {
    return known;
  }
  const cost = withNodeLimit(() =>
    getComplexity({
      schema,
      query: onlyOperation(document, operationName),
      variables: { ...variables },
      estimators: [(field) => costOfField(field, schema, limits)],
      maxQueryNodes: MAXIMUM_NODES,
    }),
  );
  const whole = Math.max(1, Math.ceil(cost));
  if (known === undefined) {
    fixedCosts.set(document, hasFixedPages(document, schema) ? whole : null);
  }
  return whole;
}

function withNodeLimit(estimate: () => number): number {
  try {
    return estimate();
  } catch (error) {
    if (error instanceof GraphQLError && error.message === NODE_LIMIT_MESSAGE) {
      throw new AppError("QUERY_TOO_COMPLEX", `An operation may have at most ${MAXIMUM_NODES} fields.`);
    }
    throw error;
  }
}

/** The operation that a request means; undefined if it names none of the document's, which GraphQL itself reports. */
export function findOperation({
  document,
  operationName,
}: Pick<Operation, "document" | "operationName">): OperationDefinitionNode | undefined {
  const operations = document.definitions.filter(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  );
  return operationName
    ? operations.find(({ name }) => name?.value === operationName)
    : operations.length === 1
      ? operations[0]
      : undefined;
}

function onlyOperation(document: DocumentNode, operationName: string | null | undefined): DocumentNode {
  const chosen = findOperation({ document, operationName });
  return {
    ...document,
    definitions: document.definitions.filter(
      (definition) => definition.kind !== Kind.OPERATION_DEFINITION || definition === chosen,
    ),
  };
}

function costOfField(
  { field, args, childComplexity, type, node }: ComplexityEstimatorArgs,
  schema: GraphQLSchema,
  limits: PageLimits,
): number {
  const special = FIELD_COSTS[field.name];
  if (special !== undefined && type.name.endsWith("Connection")) {
    return special + childComplexity;
  }
  if (isPaged(field)) {
    return 1 + pageSize(args, (node.alias ?? node.name).value, limits) * Math.max(1, childComplexity);
  }
  const isMutation = type === schema.getMutationType();
  const own = isCompositeType(getNamedType(field.type)) ? 1 : 0;
  return own + childComplexity + (isMutation ? MUTATION_COST : 0);
}

function isPaged(field: GraphQLField<unknown, unknown>): boolean {
  return field.args.some(({ name }) => name === "first");
}

/** Rows that a list returns at most. An explicit null is refused: it would ask for everything. */
function pageSize(args: Record<string, unknown>, field: string, limits: PageLimits): number {
  const { defaultSize, maximumSize, maximumOffset } = limits;
  if ("first" in args && "last" in args) {
    throw new AppError("BAD_USER_INPUT", `'${field}' takes 'first' or 'last', not both.`, {
      argument: "last",
    });
  }
  for (const argument of ["first", "last"]) {
    if (argument in args && !isWithin(args[argument], 1, maximumSize)) {
      throw new AppError(
        "BAD_USER_INPUT",
        `'${argument}' of '${field}' must be from 1 to ${maximumSize}; leave it out for ${defaultSize}.`,
        { argument },
      );
    }
  }
  if ("offset" in args && !isWithin(args.offset, 0, maximumOffset)) {
    throw new AppError(
      "BAD_USER_INPUT",
      `'offset' of '${field}' must be from 0 to ${maximumOffset}; read on with 'after' instead.`,
      { argument: "offset" },
    );
  }
  return Number(args.first ?? args.last ?? defaultSize);
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && value >= least && value <= most;
}

/**
 * Whether no page argument and no condition of a field depends on variables, and there is one operation; and whether no variable
 * may be null where a value must stand, which is found while the cost is estimated, and nowhere else in such words.
 */
function hasFixedPages(document: DocumentNode, schema: GraphQLSchema): boolean {
  const operations = document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION);
  const variables = operations.flatMap(({ variableDefinitions }) => variableDefinitions ?? []);
  const nullable = new Set(
    variables.flatMap(({ type, variable }) =>
      type.kind === Kind.NON_NULL_TYPE ? [] : [variable.name.value],
    ),
  );
  let isFixed = operations.length === 1;
  const types = new TypeInfo(schema);
  const visitor = visitWithTypeInfo(types, {
    Argument: ({ name, value }) => {
      if (PAGE_ARGUMENTS.has(name.value) && value.kind === Kind.VARIABLE) {
        isFixed = false;
      }
    },
    VariableDefinition: () => false,
    Variable: ({ name }) => {
      // A default value lets it pass validation.
      if (nullable.has(name.value) && isNonNullType(types.getInputType())) {
        isFixed = false;
      }
    },
    Directive: () => {
      isFixed = false;
    },
  });
  visit(document, visitor);
  return isFixed;
}
