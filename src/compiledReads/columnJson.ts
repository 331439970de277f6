import {
  getNullableType,
  type GraphQLOutputType,
  isEnumType,
  isListType,
  isNonNullType,
  isScalarType,
} from "graphql";
import { type SQL, sql } from "pg-sql2";
import { type PgCodec, type PgCodecAttribute, TYPES } from "postgraphile/@dataplan/pg";

import { NotCompilable } from "./NotCompilable.ts";
import { storedJson } from "./storedJson.ts";

/** Whose text, as Postgres prints it or the codec casts it, is what the API shows between quotes, with nothing to escape. */
const QUOTED: ReadonlySet<PgCodec> = new Set([
  TYPES.uuid,
  TYPES.bigint,
  TYPES.numeric,
  TYPES.timestamp,
  TYPES.date,
  TYPES.time,
  TYPES.timetz,
] as PgCodec[]);
const TEXTS: ReadonlySet<PgCodec> = new Set([TYPES.text, TYPES.varchar, TYPES.citext] as PgCodec[]);
const BARE: ReadonlySet<PgCodec> = new Set([TYPES.int, TYPES.int2] as PgCodec[]);
const JSONS: ReadonlySet<PgCodec> = new Set([TYPES.json, TYPES.jsonb] as PgCodec[]);
/** A piece of JSON: a constant, or what gives its text when Postgres prints it. */
export type Part = string | SQL;

/**
 * The JSON text of a column, byte for byte what Grafast and `JSON.stringify` make of it.
 *
 * @param value the column.
 */
export function columnJson(value: SQL, attribute: PgCodecAttribute, type: GraphQLOutputType): Part[] {
  // A tag can say that a view's column is never null; only a table's own constraint keeps that.
  const isNotNull = attribute.notNull === true && attribute.extensions?.tags?.notNull === undefined;
  if (isNonNullType(type) && !isNotNull) {
    throw new NotCompilable("a column that may be null where the API has none");
  }
  const base = attribute.codec.domainOfCodec ?? attribute.codec;
  const nullable = getNullableType(type);
  if (isListType(nullable)) {
    return arrayJson(value, base, nullable.ofType, isNotNull);
  }
  if (JSONS.has(base)) {
    return isNamed(nullable, "JSON") ? storedJson(value, isNotNull) : throwUnknown(base);
  }
  if (base === (TYPES.bytea as PgCodec)) {
    return isNamed(nullable, "Base64EncodedBinary") ? bytesJson(value, isNotNull) : throwUnknown(base);
  }
  return scalarJson(value, base, nullable, isNotNull);
}

function isNamed(type: GraphQLOutputType, name: string): boolean {
  return isScalarType(type) && type.name === name;
}

function scalarJson(value: SQL, base: PgCodec, type: GraphQLOutputType, isNotNull: boolean): Part[] {
  if (isEnumType(type)) {
    const names = type.getValues().map((each) => ({ name: each.name, value: String(each.value) }));
    return orNull(base.isEnum ? enumJson(value, names) : throwUnknown(base), isNotNull);
  }
  return plainJson(value, base, isNotNull);
}

/**
 * Of an array each value as it would be alone. Where a list of lists stands for one, the statement fails, and the request takes
 * the other way.
 */
function arrayJson(
  value: SQL,
  { name, arrayOfCodec }: PgCodec,
  type: GraphQLOutputType,
  isNotNull: boolean,
): Part[] {
  if (!arrayOfCodec) {
    throw new NotCompilable(`a list of type ${name}`);
  }
  const alias = sql.identifier(Symbol("element"));
  const item = elementJson(sql`${alias}.x`, arrayOfCodec, type);
  const items = sql`select string_agg(${item}, ',' order by ${alias}.i) from unnest(${value}) with ordinality as ${alias} (x, i)`;
  const flat = sql`case when array_ndims(${value}) > 1 then array_dims(${value})::int::text end`;
  const list = concatenation(["[", flat, sql`(${items})`, "]"]);
  return [isNotNull ? list : sql`case when ${value} is null then 'null' else ${list} end`];
}

/** Of a value in a list, which may be null. */
export function elementJson(value: SQL, codec: PgCodec, type: GraphQLOutputType): SQL {
  if (isNonNullType(type) || isListType(type)) {
    throw new NotCompilable(`a list of type ${codec.name}`);
  }
  return concatenation(scalarJson(value, codec.domainOfCodec ?? codec, type, false));
}

/** In lines of no end, while Postgres has them as in mail. */
function bytesJson(value: SQL, isNotNull: boolean): Part[] {
  const text = sql`replace(encode(${value}, 'base64'), ${literal("\n")}, '')`;
  return isNotNull ? ['"', text, '"'] : [sql`coalesce('"' || ${text} || '"', 'null')`];
}

/** JSON of a value of a type that is not an enum of the API. */
export function plainJson(value: SQL, base: PgCodec, isNotNull: boolean): Part[] {
  if (TEXTS.has(base)) {
    return isNotNull
      ? [sql`to_json(${value}::text)`]
      : [sql`coalesce(to_json(${value}::text), 'null'::json)`];
  }
  if (BARE.has(base)) {
    return isNotNull ? [value] : [sql`coalesce(${value}::text, 'null')`];
  }
  if (base === (TYPES.boolean as PgCodec)) {
    // Named once: it may be the call of a function.
    return orNull(sql`(${value})::text`, isNotNull);
  }
  if (base === (TYPES.timestamptz as PgCodec)) {
    return timeJson(value, isNotNull);
  }
  if (QUOTED.has(base)) {
    const text = base.castFromPg?.(value, true) ?? sql`${value}::text`;
    return isNotNull ? ['"', text, '"'] : [sql`coalesce('"' || ${text} || '"', 'null')`];
  }
  return throwUnknown(base);
}

/**
 * Outside of Grafast nothing prints a time anew (TimestampsPlugin), so Postgres prints it; only those that are shown. Infinity
 * has no text: where something must stand the statement fails, and the request takes the other way.
 */
function timeJson(value: SQL, isNotNull: boolean): Part[] {
  const text = sql`to_char(${value}, 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM')`;
  return isNotNull
    ? ['"', sql`coalesce(${text}, ${value}::text::int::text)`, '"']
    : [sql`coalesce('"' || ${text} || '"', 'null')`];
}

function orNull(json: SQL, isNotNull: boolean): Part[] {
  return [isNotNull ? json : sql`coalesce(${json}, 'null')`];
}

function throwUnknown({ name }: PgCodec): never {
  throw new NotCompilable(`a value of type ${name}`);
}

/** A value that the schema does not know yet makes the statement fail, and the request takes the other way. */
function enumJson(value: SQL, names: readonly { name: string; value: string }[]): SQL {
  const cases = names.map(
    (each) => sql`when ${literal(each.value)} then ${literal(JSON.stringify(each.name))}`,
  );
  const unknown = sql`case when ${value} is not null then ('unknown ' || ${value}::text)::int::text end`;
  return sql`case ${value} ${sql.join(cases, " ")} else ${unknown} end`;
}

/**
 * A text constant. `sql.literal` would make a parameter of most of them, which has no type; `sql.raw` complains on the console;
 * and a template of one piece is remembered for ever, which must not happen with names that clients choose.
 */
export function literal(text: string): SQL {
  if (text.includes("\\")) {
    throw new NotCompilable("a backslash in a name");
  }
  const pieces = ["'", `${text.replaceAll("'", "''")}'`];
  return sql(Object.assign(pieces, { raw: pieces }), sql.blank);
}

/** One text of many, some of which are constants; Postgres takes at most a hundred arguments. */
export function concatenation(parts: readonly Part[]): SQL {
  const merged: Part[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (typeof part === "string" && typeof last === "string") {
      merged[merged.length - 1] = last + part;
    } else {
      merged.push(part);
    }
  }
  let pieces = merged.map((part) => (typeof part === "string" ? literal(part) : part));
  while (pieces.length > MOST_ARGUMENTS) {
    pieces = chunks(pieces).map((chunk) => sql`concat(${sql.join(chunk, ", ")})`);
  }
  return sql`concat(${sql.join(pieces, ", ")})`;
}

const MOST_ARGUMENTS = 90;

function chunks(pieces: readonly SQL[]): SQL[][] {
  const count = Math.ceil(pieces.length / MOST_ARGUMENTS);
  return Array.from({ length: count }, (_, index) =>
    pieces.slice(index * MOST_ARGUMENTS, (index + 1) * MOST_ARGUMENTS),
  );
}
