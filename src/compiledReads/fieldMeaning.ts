import type { GraphQLField } from "graphql";
import type { SQL } from "pg-sql2";
import type {
  PgCodec,
  PgCodecWithAttributes,
  PgFunctionResourceOptions,
  PgResource,
} from "postgraphile/@dataplan/pg";

/** A table or view, or a function without arguments that gives rows of one. */
export type Rows = PgResource<string, PgCodecWithAttributes>;

/** How rows of one table lead to rows of another: column by column. */
export interface Link {
  to: Rows;
  localAttributes: readonly string[];
  remoteAttributes: readonly string[];
}

/** A function of a row that changes nothing and gives one value, or several in its own order. */
export interface Computation {
  codec: PgCodec;
  /** The call, of the row and its other arguments in their order. */
  call: PgFunctionResourceOptions["from"];
  /** Those behind the row: what each is called in the API. */
  parameters: readonly { argument: string; codec: PgCodec }[];
}

/** What a field of the API stands for in the database, as far as a read can be compiled. */
export type FieldMeaning =
  | {
      kind: "column";
      attribute: string;
      /** `app_public.patients.given_name`, if a look at it is on record. */
      onRecord: string | null;
    }
  | { kind: "computed"; computation: Computation; onRecord: string | null }
  /** Several values: `first` and `offset` say which of them. */
  | { kind: "values"; computation: Computation }
  /** What a column comes to in all rows of a list: its sum, how many values it has … */
  | {
      kind: "aggregate";
      attribute: string;
      codec: PgCodec;
      isNeverNull: boolean;
      wrap: (column: SQL, codec: PgCodec) => SQL;
    }
  | { kind: "nodeId"; identifier: string; keys: readonly string[] }
  /** One row of whichever type its global id names; `rowOf`: the name → how the row is found, if it can be compiled. */
  | { kind: "node"; argument: string; rowOf: (typeName: string) => RowMeaning | undefined }
  | RowMeaning
  /** The row that a function gives, or none. */
  | { kind: "given"; rows: Rows }
  | { kind: "one"; link: Link }
  /** All rows of a table, or those that a row leads to. */
  | { kind: "many"; rows: Rows; link: Link | null };

/** One row, by the global id or by the values of its key; `keys`: argument → column. */
export interface RowMeaning {
  kind: "row";
  rows: Rows;
  nodeIdentifier: string | null;
  keys: Readonly<Record<string, string>>;
}

/** Undefined where a field can only be planned by Grafast. */
export function meaningOf(field: GraphQLField<unknown, unknown>): FieldMeaning | undefined {
  return field.extensions.compiledRead as FieldMeaning | undefined;
}
