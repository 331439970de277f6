import {
  getNamedType,
  type GraphQLEnumType,
  type GraphQLFieldMap,
  type GraphQLInputObjectType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isObjectType,
} from "graphql";

/** A list of the API, and what it may be asked with. */
export interface ApiList {
  /** Field of Query, such as `appointments`. */
  name: string;
  orders: string[];
  /** Filters on a field of the rows themselves, with the operators that are tried. */
  filters: { field: string; operators: string[] }[];
}

/** One of each kind: what an index can answer, and what it cannot. */
const OPERATORS = ["equalTo", "in", "greaterThanOrEqualTo", "lessThan", "startsWith", "includesInsensitive"];
/** Of `in`, the value is a list. */
export const LIST_OPERATOR = "in";

/** Every connection of Query that takes an order or a filter. */
export function findApiLists(schema: GraphQLSchema): ApiList[] {
  const fields = Object.values(schema.getQueryType()?.getFields() ?? {});
  return fields.flatMap(({ name, args, type }) => {
    const argument = (wanted: string) => getNamedType(args.find((arg) => arg.name === wanted)?.type);
    const [orderBy, filter, connection] = [argument("orderBy"), argument("filter"), getNamedType(type)];
    if (!isObjectType(connection) || !connection.name.endsWith("Connection") || !(orderBy ?? filter)) {
      return [];
    }
    return [
      {
        name,
        orders: isEnumType(orderBy) ? ordersOf(orderBy) : [],
        filters: isInputObjectType(filter) ? filtersOf(filter, rowFields(connection)) : [],
      },
    ];
  });
}

function ordersOf(orderBy: GraphQLEnumType): string[] {
  return orderBy
    .getValues()
    .map(({ name }) => name)
    .filter((name) => name !== "NATURAL");
}

function rowFields(connection: GraphQLObjectType): GraphQLFieldMap<unknown, unknown> {
  const row = getNamedType(connection.getFields().nodes?.type);
  return isObjectType(row) ? row.getFields() : {};
}

function filtersOf(filter: GraphQLInputObjectType, fields: GraphQLFieldMap<unknown, unknown>) {
  return Object.values(filter.getFields()).flatMap(({ name, type }) => {
    const operators = getNamedType(type);
    const field = fields[name];
    if (!field || !isInputObjectType(operators) || !isLeafType(getNamedType(field.type))) {
      return [];
    }
    const known = operators.getFields();
    return [{ field: name, operators: OPERATORS.filter((operator) => known[operator]) }];
  });
}
