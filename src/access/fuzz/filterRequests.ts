import {
  getNamedType,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isListType,
  isScalarType,
} from "graphql";

import { inputText } from "./inputText.ts";
import { attempt, type Gaps } from "./readRequests.ts";
import { aliasOf, type FuzzRequest, RequestWriter, UnreachableError } from "./RequestWriter.ts";
import { fieldsOf, rowTypeOf } from "./selections.ts";

const FILTERS_A_REQUEST = 6;

type Field = GraphQLField<unknown, unknown>;

/** How a filter of rows is reached: as that of a list, or of what the list's rows are related to. */
interface Route {
  list: Field;
  filter: GraphQLInputObjectType;
  row: string;
  /** Puts a condition on the row where the list takes its filter. */
  wrap: (condition: string) => string;
}

/** A field of such a filter, such as `patients(filter: { mrn: … })`. */
interface Place {
  route: Route;
  field: GraphQLInputField;
  /** The type of what the field is held against: `StringFilter`. */
  type: GraphQLInputObjectType;
}

/**
 * Requests for every field of every filter and every comparison of every kind of value. Most are
 * given a value of a foreign row: if the answer depends on whether that row exists, the filter is a way to guess.
 */
export function filterRequests(schema: GraphQLSchema, gaps: Gaps): FuzzRequest[] {
  const routes = filterRoutes(schema);
  const places = routes.flatMap(placesOf);
  const equalities = routes.flatMap((route) => {
    const filters = Object.values(route.filter.getFields()).map((field) => ({
      item: `${route.filter.name}.${field.name}`,
      text: (writer: RequestWriter) => `{ ${field.name}: ${memberText(writer, route.row, field)} }`,
    }));
    return written(schema, gaps, route, filters);
  });
  return [...equalities, ...comparisons(schema, gaps, places), ...quantifiers(schema, gaps, places)];
}

function filterRoutes(schema: GraphQLSchema): Route[] {
  const query = schema.getQueryType();
  const lists = query
    ? fieldsOf(query).filter((field) => field.args.some(({ name }) => name === "filter"))
    : [];
  const routes = lists.map((list) => {
    const filter = getNamedType(list.args.find(({ name }) => name === "filter")?.type);
    return routeTo(list, filter as GraphQLInputObjectType, (condition) => condition);
  });
  const known = new Set(routes.map(({ filter }) => filter));
  for (const { list, filter, wrap } of routes) {
    for (const field of Object.values(filter.getFields())) {
      const type = getNamedType(field.type);
      if (isInputObjectType(type) && isOfRow(type) && !known.has(type)) {
        known.add(type);
        routes.push(routeTo(list, type, (condition) => wrap(`{ ${field.name}: ${condition} }`)));
      }
    }
  }
  return routes;
}

function routeTo(list: Field, filter: GraphQLInputObjectType, wrap: Route["wrap"]): Route {
  return { list, filter, row: filter.name.replace(/Filter$/, ""), wrap };
}

function placesOf(route: Route): Place[] {
  return Object.values(route.filter.getFields()).flatMap((field) => {
    const type = getNamedType(field.type);
    return isInputObjectType(type) && type !== route.filter ? [{ route, field, type }] : [];
  });
}

const isOfRow = (type: GraphQLInputObjectType) => "and" in type.getFields();
const isComparison = (type: GraphQLInputObjectType) => "isNull" in type.getFields();

/** One field of a filter with a value. */
function memberText(writer: RequestWriter, row: string, field: GraphQLInputField): string {
  const type = getNamedType(field.type);
  if (isScalarType(type)) {
    return "true";
  }
  if (!isInputObjectType(type)) {
    throw new UnreachableError(`${field.name} takes no filter`);
  }
  if (isComparison(type)) {
    const by = type.getFields().equalTo ? "equalTo" : Object.keys(type.getFields())[1]!;
    return `{ ${by}: ${valueText(writer, row, field.name, type.getFields()[by]!)} }`;
  }
  const { some } = type.getFields();
  if (some) {
    return `{ some: ${conditionText(writer, getNamedType(some.type) as GraphQLInputObjectType)} }`;
  }
  const inner = conditionText(writer, type);
  return isListType(field.type) ? `[${inner}]` : inner;
}

/** Some condition on a row that is no tautology: that it is one certain row, if it can be said. */
function conditionText(writer: RequestWriter, filter: GraphQLInputObjectType): string {
  const row = filter.name.replace(/Filter$/, "");
  const fields = Object.values(filter.getFields());
  const plain =
    fields.find(({ name }) => name === "rowId") ??
    fields.find(({ type }) => {
      const named = getNamedType(type);
      return isInputObjectType(named) && named !== filter && isComparison(named);
    });
  if (!plain) {
    throw new UnreachableError(`${filter.name} compares nothing`);
  }
  return `{ ${plain.name}: ${memberText(writer, row, plain)} }`;
}

/** A value to compare with: of that very column of a row. */
function valueText(
  writer: RequestWriter,
  row: string,
  column: string,
  { name, type }: GraphQLInputField,
): string {
  const named = getNamedType(type);
  if (name === "isNull") {
    return "false";
  }
  if (isEnumType(named)) {
    const values = named.getValues().map((value) => value.name);
    return isListType(type) ? `[${values.join(", ")}]` : (values[0] ?? "");
  }
  if (named.name === "Boolean" || !isScalarType(named)) {
    return inputText(writer, type, { name, subject: row });
  }
  const slot =
    column === "rowId"
      ? writer.slot(`${named.name}!`, { kind: "rowId", type: row })
      : writer.slot(`${named.name}!`, {
          kind: "value",
          type: row,
          field: column,
          scalar: named.name,
        });
  return isListType(type) ? `[${slot}]` : slot;
}

interface Written {
  item: string;
  text: (writer: RequestWriter) => string;
}

/** Lists with one filter each, several in a request. */
function written(
  schema: GraphQLSchema,
  gaps: Gaps,
  { list, wrap }: Route,
  filters: readonly Written[],
): FuzzRequest[] {
  const requests: FuzzRequest[] = [];
  for (let index = 0; index < filters.length; index += FILTERS_A_REQUEST) {
    const some = filters.slice(index, index + FILTERS_A_REQUEST);
    const write = (chosen: readonly Written[]) => {
      const writer = new RequestWriter(schema);
      const body = chosen.map(({ text }, number) => {
        const selection = `{ totalCount nodes { __typename ${idText(list)} } }`;
        return `${aliasOf(list.name, `f${number}`)}: ${list.name}(filter: ${wrap(text(writer))}) ${selection}`;
      });
      const names = chosen.map(({ item }) => item).join(", ");
      return writer.finish(`Query.${list.name} where ${names}`, "query", body.join(" "));
    };
    try {
      requests.push(write(some));
    } catch {
      requests.push(...some.flatMap((each) => attempt(gaps, each.item, () => [write([each])])));
    }
  }
  return requests;
}

function idText(list: Field): string {
  return rowTypeOf(list)?.getFields().rowId ? "rowId" : "";
}

/** Every comparison of every kind of value, on the columns of that kind in turn. */
function comparisons(schema: GraphQLSchema, gaps: Gaps, places: readonly Place[]): FuzzRequest[] {
  const byType = Map.groupBy(
    places.filter(({ type }) => isComparison(type)),
    ({ type }) => type,
  );
  return [...byType].flatMap(([type, uses]) => {
    const turns = Object.values(type.getFields()).map((by, index) => ({
      by,
      place: uses[index % uses.length]!,
    }));
    return [...Map.groupBy(turns, ({ place }) => place.route)].flatMap(([route, ofList]) =>
      written(
        schema,
        gaps,
        route,
        ofList.map(({ by, place }) => ({
          item: `${type.name}.${by.name}`,
          text: (writer) =>
            `{ ${place.field.name}: { ${by.name}: ${valueText(writer, place.route.row, place.field.name, by)} } }`,
        })),
      ),
    );
  });
}

/** Whether some, none or every related row is a certain one. */
function quantifiers(schema: GraphQLSchema, gaps: Gaps, places: readonly Place[]): FuzzRequest[] {
  const many = places.filter(({ type }) => "some" in type.getFields());
  return [...Map.groupBy(many, ({ route }) => route)].flatMap(([route, ofList]) =>
    written(
      schema,
      gaps,
      route,
      ofList.flatMap(({ field, type }) =>
        Object.values(type.getFields())
          .filter(({ name }) => name !== "some")
          .map((by) => ({
            item: `${type.name}.${by.name}`,
            text: (writer: RequestWriter) =>
              `{ ${field.name}: { ${by.name}: ${conditionText(writer, getNamedType(by.type) as GraphQLInputObjectType)} } }`,
          })),
      ),
    ),
  );
}
