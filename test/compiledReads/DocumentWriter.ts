import {
  getNamedType,
  getNullableType,
  type GraphQLArgument,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isObjectType,
} from "graphql";

import type { Random } from "./Random.ts";

export interface Written {
  query: string;
  variables: Record<string, unknown>;
}

export interface KnownRow {
  id: string;
  rowId: string;
}

/** Rows of each type by which documents can ask, one's own and others'. */
export type KnownRows = ReadonlyMap<string, readonly KnownRow[]>;

type Field = GraphQLField<unknown, unknown>;

const DEPTH = 3;
/** What a look at changes, so that two looks differ; and what is too slow to be asked for by chance. */
const LEFT_OUT = /audit|history|session(?!T)|^node$|^query$|metricSeries|accessReport/i;
/** What only Grafast answers, and so stands in few of the documents. */
const NOT_COMPILED = /Interval/;
const AGGREGATES = new Set(["aggregates", "groupedAggregates"]);
/** Of which there are many rows, and archived ones, and whose columns are on record. */
const FAVOURITES = new Set(["patients", "appointments", "patient", "clinics"]);
const NAMES = [
  "a",
  "bb",
  "it",
  "x1",
  "veryLongNameOfAFieldThatIsLongerThanWhatPostgresAllowsForAnIdentifierOfItsOwn",
];
const TEXTS = ["A", "", "Family", 'Quote " and \\', "émoji 🦊"];

/** Writes queries at random, but the same ones for the same seed: of what a schema has, and of everything that a query can be. */
export class DocumentWriter {
  readonly #schema: GraphQLSchema;
  readonly #random: Random;
  readonly #rows: KnownRows;
  #variables: Record<string, { type: string; value: unknown }> = {};
  #fragments: string[] = [];

  constructor(schema: GraphQLSchema, random: Random, rows: KnownRows) {
    this.#schema = schema;
    this.#random = random;
    this.#rows = rows;
  }

  write(): Written {
    this.#variables = {};
    this.#fragments = [];
    const root = this.#schema.getQueryType() as GraphQLObjectType;
    const fields = Object.values(root.getFields()).filter((field) => this.#isUsable(field));
    const favourites = fields.filter(({ name }) => FAVOURITES.has(name));
    const texts = Array.from({ length: this.#random.upTo(2) + 1 }, (_, index) =>
      this.#rootText(this.#random.of(this.#random.chance(0.5) ? favourites : fields), index),
    );
    const declared = Object.entries(this.#variables).map(([name, { type }]) => `$${name}: ${type}`);
    const head =
      declared.length > 0 ? `query Q(${declared.join(", ")})` : this.#random.of(["query Q", "query"]);
    return {
      query: [`${head} { ${texts.join(" ")} }`, ...this.#fragments].join(" "),
      variables: Object.fromEntries(
        Object.entries(this.#variables).map(([name, { value }]) => [name, value]),
      ),
    };
  }

  #rootText(field: Field, index: number): string {
    return `r${index}: ${this.#fieldText(field, DEPTH)}`;
  }

  #isUsable(field: Field): boolean {
    const type = getNamedType(field.type);
    const isRow = field.args.length === 1 && ["id", "rowId"].includes(field.args[0]?.name ?? "");
    return isObjectType(type) && !LEFT_OUT.test(field.name) && (isRow || isConnection(type));
  }

  #fieldText(field: Field, depth: number): string {
    const type = getNamedType(field.type) as GraphQLObjectType;
    const selection = isConnection(type) ? this.#connection(type, depth) : this.#selection(type, depth);
    return `${field.name}${this.#arguments(field, type)} { ${selection} }`;
  }

  #connection(type: GraphQLObjectType, depth: number): string {
    const node = getNamedType(type.getFields().nodes?.type) as GraphQLObjectType;
    const rows = this.#random.chance(0.6)
      ? `nodes { ${this.#selection(node, depth - 1)} }`
      : `edges { ${this.#random.chance(0.5) ? "cursor " : ""}node { ${this.#selection(node, depth - 1)} } }`;
    const parts = [rows];
    if (this.#random.chance(0.3)) {
      parts.push("totalCount");
    }
    const aggregates = getNamedType(type.getFields().aggregates?.type);
    if (isObjectType(aggregates) && this.#random.chance(0.2)) {
      parts.push(`aggregates { ${this.#aggregates(aggregates)} }`);
    }
    if (this.#random.chance(0.3)) {
      parts.push(
        `pageInfo { hasNextPage hasPreviousPage ${this.#random.chance(0.5) ? "startCursor endCursor" : ""} }`,
      );
    }
    if (this.#random.chance(0.1)) {
      parts.push("__typename");
    }
    return this.#random.shuffled(parts).join(" ");
  }

  #aggregates(type: GraphQLObjectType): string {
    const kinds = Object.values(type.getFields()).filter((field) => isObjectType(getNamedType(field.type)));
    const kind = this.#random.of(kinds);
    const columns = Object.keys((getNamedType(kind.type) as GraphQLObjectType).getFields());
    return `${kind.name} { ${this.#random.of(columns)} }`;
  }

  #selection(type: GraphQLObjectType, depth: number): string {
    const fields = Object.values(type.getFields()).filter(
      ({ name, args }) =>
        !LEFT_OUT.test(name) && !AGGREGATES.has(name) && args.every((each) => !isNeeded(each)),
    );
    const leaves = fields.filter((field) => isLeafType(getNamedType(field.type)) && field.args.length === 0);
    const plain = leaves.filter(({ type: leaf }) => !NOT_COMPILED.test(getNamedType(leaf).name));
    const chosen = this.#random
      .some(this.#random.chance(0.9) ? plain : leaves, 5)
      .map(({ name }) => this.#named(name));
    const branches = fields.filter((field) => isObjectType(getNamedType(field.type)) && !isRange(field));
    const deeper =
      depth <= 0 ? [] : this.#random.some(branches, 2).map((field) => this.#fieldText(field, depth - 1));
    const parts = [...chosen, ...deeper];
    if (this.#random.chance(0.15)) {
      parts.push("__typename");
    }
    return this.#wrapped(type, this.#random.shuffled(parts.length > 0 ? parts : ["__typename"]));
  }

  /** Some of the parts in a fragment, or under a condition. */
  #wrapped(type: GraphQLObjectType, parts: readonly string[]): string {
    const [first = "", ...rest] = parts;
    if (this.#random.chance(0.15)) {
      const name = `F${this.#fragments.length}`;
      this.#fragments.push(`fragment ${name} on ${type.name} { ${first} }`);
      return [`...${name}`, ...rest].join(" ");
    }
    if (this.#random.chance(0.1)) {
      return [`... on ${type.name} { ${first} }`, ...rest].join(" ");
    }
    if (this.#random.chance(0.1) && type.getFields().rowId) {
      const condition = this.#variable("Boolean!", this.#random.chance(0.5));
      return `... @${this.#random.of(["include", "skip"])}(if: ${condition}) { ${parts.join(" ")} } __typename`;
    }
    return this.#random.chance(0.1) && type.getInterfaces().some(({ name }) => name === "Node")
      ? `... on Node { id } ${parts.join(" ")}`
      : parts.join(" ");
  }

  #named(field: string): string {
    return this.#random.chance(0.15) ? `${this.#random.of(NAMES)}${this.#random.upTo(99)}: ${field}` : field;
  }

  #arguments(field: Field, type: GraphQLObjectType): string {
    const has = (name: string) => field.args.find((each) => each.name === name);
    const texts: string[] = [];
    const row = this.#random.of(this.#rows.get(type.name) ?? [UNKNOWN_ROW]);
    if (has("id") || has("rowId")) {
      const [name, value, kind] = has("id") ? ["id", row.id, "ID!"] : ["rowId", row.rowId, "UUID!"];
      texts.push(`${name}: ${this.#value(kind, value, JSON.stringify(value))}`);
    }
    const end = has("last") && this.#random.chance(0.2) ? "last" : "first";
    if (has(end) && this.#random.chance(0.7)) {
      const size = this.#random.upTo(5) + 1;
      texts.push(`${end}: ${this.#value("Int", size, String(size))}`);
    }
    if (has("offset") && this.#random.chance(end === "last" ? 0.05 : 0.15)) {
      texts.push(`offset: ${this.#random.upTo(2)}`);
    }
    if (has("includeArchived") && this.#random.chance(0.3)) {
      texts.push(`includeArchived: ${this.#random.chance(0.7)}`);
    }
    const [order, filter] = [has("orderBy"), has("filter")];
    if (order && this.#random.chance(0.5)) {
      const members = this.#random.some((getNamedType(order.type) as GraphQLEnumType).getValues(), 2);
      const names = members.map(({ name }) => name);
      texts.push(`orderBy: ${this.#value(String(order.type), names, `[${names.join(", ")}]`)}`);
    }
    if (filter && this.#random.chance(0.35)) {
      const value = this.#filter(getNamedType(filter.type) as GraphQLInputObjectType, 2);
      if (Object.keys(value).length > 0) {
        texts.push(`filter: ${this.#variable(String(filter.type), value)}`);
      }
    }
    return texts.length > 0 ? `(${texts.join(", ")})` : "";
  }

  /** Never empty, which is refused. */
  #filter(type: GraphQLInputObjectType, depth: number): Record<string, unknown> {
    const fields = Object.values(type.getFields()).filter(({ name }) => !LEFT_OUT.test(name));
    const entries = this.#random.shuffled(fields).flatMap(({ name, type: given }) => {
      const value = this.#filterValue(getNamedType(given), depth);
      const isList = isListType(getNullableType(given));
      return value === undefined ? [] : [[name, isList ? [value] : value] as const];
    });
    return Object.fromEntries(entries.slice(0, this.#random.upTo(1) + 1));
  }

  #filterValue(type: GraphQLNamedType, depth: number): unknown {
    if (isInputObjectType(type)) {
      const value = depth > 0 ? this.#filter(type, depth - 1) : {};
      return Object.keys(value).length > 0 ? value : undefined;
    }
    if (isEnumType(type)) {
      return this.#random.of(type.getValues()).name;
    }
    switch (type.name) {
      case "Boolean":
        return this.#random.chance(0.5);
      case "String":
        return this.#random.of(TEXTS);
      case "UUID":
        return this.#random.of([...this.#rows.values()].flat()).rowId;
      case "Int":
        return this.#random.upTo(10);
      case "BigInt":
      case "BigFloat":
        return String(this.#random.upTo(1000));
      case "Date":
        return this.#random.of(["1980-01-01", "2026-11-30"]);
      case "Datetime":
        return this.#random.of(["2020-01-01T00:00:00Z", "2026-11-30T12:30:00.5+02:00"]);
      default:
        return undefined;
    }
  }

  /** A value in the text, or as a variable. */
  #value(type: string, value: unknown, text: string): string {
    return this.#random.chance(0.4) ? this.#variable(type, value) : text;
  }

  #variable(type: string, value: unknown): string {
    const name = `v${Object.keys(this.#variables).length}`;
    this.#variables[name] = { type, value };
    return `$${name}`;
  }
}

const UNKNOWN_ROW: KnownRow = {
  id: Buffer.from('["Nothing","01748807-1681-7229-8251-a07ee61cbd94"]').toString("base64"),
  rowId: "01748807-1681-7229-8251-a07ee61cbd94",
};

function isConnection(type: GraphQLObjectType): boolean {
  return type.name.endsWith("Connection") && type.getFields().nodes !== undefined;
}

function isRange({ type }: Field): boolean {
  return /Range|Aggregate|PageInfo/.test(getNamedType(type).name);
}

function isNeeded({ type, defaultValue }: GraphQLArgument): boolean {
  return String(type).endsWith("!") && defaultValue === undefined;
}
