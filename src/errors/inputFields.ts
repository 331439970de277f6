/** What an error of Postgres says of the place that it is about. */
export interface ErrorPlace {
  schema?: string;
  table?: string;
  column?: string;
  constraint?: string;
}

/**
 * Of a process and not of a gateway: what is done with an error is decided in places that know of no schema, and one
 * constraint is about the same fields wherever it is served.
 */
const known = new Map<string, string>();
/** As our own SQL writes the name of an argument. */
const ARGUMENT = /^[a-z][a-z0-9_]*$/;

function placeOf({ schema, table, column, constraint }: ErrorPlace): string {
  return JSON.stringify([schema, table, column ?? null, column === undefined ? (constraint ?? null) : null]);
}

/** Keeps which fields of the API a column or a constraint is about. */
export function rememberInputFields(place: ErrorPlace, fields: readonly string[]): void {
  known.set(placeOf(place), fields.join(", "));
}

/** The fields of the API that an error of a constraint is about, separated by commas; undefined for what is not in the API. */
export function inputFieldsOf(error: ErrorPlace): string | undefined {
  return known.get(placeOf(error)) || undefined;
}

/** The argument that our own SQL says its error is about: `using errcode = 'BADIN', column = 'starts_at'`. */
export function ownArgumentOf({ table, column }: ErrorPlace): string | undefined {
  return table === undefined && column !== undefined && ARGUMENT.test(column)
    ? column.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase())
    : undefined;
}
