export interface ColumnType {
  /** As the table's definition says it. */
  sql: string;
  /** A TypeScript expression for a value that every column of the type takes. */
  sample: string;
}

/** What `--column name:type` may say besides the name of a table to refer to. */
export const COLUMN_TYPES: Readonly<Record<string, ColumnType>> = {
  text: { sql: "text", sample: '"Text"' },
  boolean: { sql: "boolean", sample: "true" },
  integer: { sql: "integer", sample: "1" },
  bigint: { sql: "bigint", sample: "1" },
  numeric: { sql: "numeric", sample: "1.5" },
  date: { sql: "date", sample: '"2030-01-01"' },
  time: { sql: "time", sample: '"10:00"' },
  timestamptz: { sql: "timestamptz", sample: '"2030-01-01T10:00:00Z"' },
  uuid: { sql: "uuid", sample: '"00000000-0000-7000-8000-000000000009"' },
  jsonb: { sql: "jsonb", sample: "{}" },
};

/** A row of a table, as TypeScript expressions. */
interface KnownRow {
  /** Its id in a `ClinicWorld` (test/support/world.ts). */
  world: string;
  /** Its id in the demo data's clinic downtown (src/seed), and which function of demoRecords.ts that calls. */
  demo: string;
  demoFunction?: string;
}

/** Tables that have a row in each clinic of the tests' world, and one in the demo data. */
export const KNOWN_ROWS: Readonly<Record<string, KnownRow>> = {
  appointments: {
    world: "appointment.id",
    demo: 'appointmentId("pat", "2026-02-03T14:00:00Z")',
    demoFunction: "appointmentId",
  },
  care_sessions: {
    world: "careSessionId",
    demo: 'careSessionId("pat", "2026-02-03T14:00:00Z")',
    demoFunction: "careSessionId",
  },
  clinics: { world: "clinic.id", demo: 'inClinic("downtown").clinic_id' },
  patients: { world: "patient.id", demo: 'patientId("pat")', demoFunction: "patientId" },
};

/** Words that Postgres takes for a column or table only in quotes, and that could pass for a name. */
const RESERVED_WORDS = new Set(
  (
    "all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation " +
    "column concurrently constraint create cross current_date current_role current_time current_user default " +
    "deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having ilike in " +
    "initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp natural " +
    "not notnull null offset on only or order outer overlaps placing primary references returning right select " +
    "session_user similar some symmetric system_user table tablesample then to trailing true union unique user using " +
    "variadic verbose when where window with"
  ).split(" "),
);

/** @returns what is wrong with a name for SQL, as the end of a sentence; undefined when it is fine. */
export function nameProblem(name: string, maximumLength: number): string | undefined {
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) {
    return "must be lower-case words of letters and digits, joined by single underscores";
  }
  if (name.length > maximumLength) {
    return `must have at most ${maximumLength} characters, so that the names of its indexes fit; it has ${name.length}`;
  }
  return RESERVED_WORDS.has(name) ? "is a reserved word of SQL" : undefined;
}
