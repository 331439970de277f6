import {
  type DocumentNode,
  getNamedType,
  type GraphQLInputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  Kind,
  type OperationDefinitionNode,
  typeFromAST,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from "graphql";

/** Coordinate of a schema (`Patient.givenName`) → column. */
type Coordinates = ReadonlyMap<string, string>;

interface Asked {
  document: DocumentNode;
  operation: OperationDefinitionNode;
  variables: Readonly<Record<string, unknown>> | null | undefined;
}

/** What documents reach by their text; each is visited once. */
const known = new WeakMap<DocumentNode, ReadonlySet<string>>();

/**
 * The columns that an operation reaches if it finds rows: those it selects, and those it filters, orders and aggregates by,
 * since these tell of values too. What `@skip` leaves out is counted in: rather one record too many.
 */
export function reachedColumns(
  schema: GraphQLSchema,
  coordinates: Coordinates,
  { document, operation, variables }: Asked,
): ReadonlySet<string> {
  const written = known.get(document) ?? readDocument(schema, coordinates, document);
  known.set(document, written);
  const given = (operation.variableDefinitions ?? []).flatMap(({ type, variable }) => {
    const inputType = typeFromAST(schema, type as never) as GraphQLInputType | undefined;
    return inputType ? readValue(inputType, variables?.[variable.name.value], coordinates) : [];
  });
  return given.length > 0 ? new Set([...written, ...given]) : written;
}

function readDocument(
  schema: GraphQLSchema,
  coordinates: Coordinates,
  document: DocumentNode,
): ReadonlySet<string> {
  const reached = new Set<string>();
  const info = new TypeInfo(schema);
  const add = (type: { name: string } | null | undefined, member: string) => {
    const column = type && coordinates.get(`${type.name}.${member}`);
    if (column) {
      reached.add(column);
    }
  };
  const typeOfInput = () => {
    const type = info.getParentInputType();
    return type && getNamedType(type);
  };
  visit(
    document,
    visitWithTypeInfo(info, {
      [Kind.FIELD]: ({ name }) => add(info.getParentType(), name.value),
      [Kind.OBJECT_FIELD]: ({ name }) => add(typeOfInput(), name.value),
      [Kind.ENUM]: ({ value }) =>
        add(getNamedType(info.getInputType()) as { name: string } | undefined, value),
    }),
  );
  return reached;
}

/** The columns that a variable's value names: the fields of a filter, the members of an order. */
function readValue(type: GraphQLInputType, value: unknown, coordinates: Coordinates): string[] {
  const named = getNamedType(type);
  if (value === null || value === undefined) {
    return [];
  }
  if (Array.isArray(value)) {
    return value.flatMap((item) => readValue(named, item, coordinates));
  }
  if (isEnumType(named)) {
    return present(coordinates.get(`${named.name}.${String(value)}`));
  }
  if (!isInputObjectType(named) || typeof value !== "object") {
    return [];
  }
  const fields = named.getFields();
  return Object.entries(value).flatMap(([name, member]) => {
    const field = fields[name];
    const below = field ? readValue(field.type, member, coordinates) : [];
    return [...present(coordinates.get(`${named.name}.${name}`)), ...below];
  });
}

function present(column: string | undefined): string[] {
  return column === undefined ? [] : [column];
}
