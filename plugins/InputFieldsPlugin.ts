import "graphile-build-pg";

import type { GraphQLSchema } from "graphql";
import type { PgAttribute, PgClass } from "postgraphile/graphile-build-pg/pg-introspection";

import { type ErrorPlace, rememberInputFields } from "../src/errors/inputFields.ts";
import { distinctiveColumns } from "./TenantInflectionPlugin.ts";

type Codec = GraphileBuild.Build["pgCodecs"][string];

/** What may refuse a row of a table. */
interface Refusal {
  place: ErrorPlace;
  /** Those that it looks at. */
  columns: readonly string[];
}

/** From the introspection on; beside the codecs, since a file of the schema needs only what becomes of it. */
const refusalsOfCodec = new WeakMap<object, readonly Refusal[]>();
const IN_THE_API = ["attribute:select", "attribute:insert", "attribute:update"] as const;

/** What a schema keeps of it: a place, and the fields of the API that it is about. */
type InputFields = readonly (readonly [ErrorPlace, readonly string[]])[];

/**
 * Postgres says which constraint or column has refused a row, and under row security nothing more. Clients are told the
 * fields of the API that it is about, as `extensions.argument` (see classifyError).
 */
export const InputFieldsPlugin: GraphileConfig.Plugin = {
  name: "InputFieldsPlugin",
  description: "Knows which fields of the API each constraint is about",
  version: "1.0.0",
  gather: {
    hooks: {
      pgCodecs_PgCodec(_info, { pgCodec, pgClass }) {
        if (pgClass) {
          refusalsOfCodec.set(pgCodec, refusalsOf(pgClass));
        }
      },
    },
  },
  schema: {
    hooks: {
      finalize(schema, build) {
        const inputFields = Object.values(build.pgCodecs).flatMap((codec) => fieldsOfRefusals(codec, build));
        // With the schema, so that a file that it is written into has them too.
        schema.extensions = { ...schema.extensions, inputFields };
        applyInputFields(schema);
        return schema;
      },
    },
  },
};

/** Lets errors of constraints name the fields of this schema. */
export function applyInputFields({ extensions }: GraphQLSchema): void {
  for (const [place, fields] of (extensions.inputFields ?? []) as InputFields) {
    rememberInputFields(place, fields);
  }
}

function fieldsOfRefusals(codec: Codec, { behavior, inflection }: GraphileBuild.Build): InputFields {
  const isShown = (attributeName: string) =>
    IN_THE_API.some((each) => behavior.pgCodecAttributeMatches([codec as never, attributeName], each));
  const refusals = refusalsOfCodec.get(codec) ?? [];
  return refusals.map(({ place, columns }) => {
    const shown = distinctiveColumns(columns).filter(isShown);
    const fields = shown.map((attributeName) =>
      inflection.attribute({ codec: codec as never, attributeName }),
    );
    return [place, fields] as const;
  });
}

/** @returns the columns that must have a value, constraints, and unique indexes that are no constraint. */
function refusalsOf(table: PgClass): Refusal[] {
  const own = { schema: table.getNamespace()?.nspname, table: table.relname };
  const required = table.getAttributes().map(({ attname }) => ({
    place: { ...own, column: attname },
    columns: [attname],
  }));
  const constraints = table.getConstraints().map((constraint) => ({
    place: { ...own, constraint: constraint.conname },
    // Those of a check on the whole row have none.
    columns: constraint.conkey?.length ? namesOf(constraint.getAttributes() ?? []) : [],
  }));
  const indexes = table
    .getIndexes()
    .filter(({ indisunique }) => indisunique)
    .map((index) => ({
      place: { ...own, constraint: index.getIndexClass()?.relname },
      columns: namesOf(index.getKeys()),
    }));
  return [...required, ...indexes, ...constraints];
}

/** An expression in an index is null. */
function namesOf(attributes: readonly (PgAttribute | null)[]): string[] {
  return attributes.flatMap((attribute) => attribute?.attname ?? []);
}
