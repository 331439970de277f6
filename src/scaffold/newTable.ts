import { COLUMN_TYPES, KNOWN_ROWS, nameProblem } from "./columnTypes.ts";
import type { ExistingSchema } from "./existingTables.ts";

export const SCOPES = ["clinic", "organization"] as const;
export type Scope = (typeof SCOPES)[number];

export interface NewColumn {
  name: string;
  /** A key of COLUMN_TYPES. */
  type: string;
  isOptional: boolean;
  /** The table of app_public that it refers to, by a key that holds the organization, and maybe the clinic. */
  reference: { table: string; holdsClinic: boolean } | null;
}

/** A table that can be made: every name fits, and everything it refers to is there. */
export interface NewTable {
  domain: string;
  name: string;
  scope: Scope;
  columns: NewColumn[];
}

export interface TableRequest {
  /** `<domain>/<name>`. */
  path: string;
  scope: Scope;
  /** `name:type` or `name:type:optional` each. */
  columns: readonly string[];
}

/** The longest index name adds this: Postgres cuts names at 63 bytes. */
const LONGEST_INDEX_SUFFIX = "_organization_id_created_at_idx";
const MAXIMUM_NAME = 63 - LONGEST_INDEX_SUFFIX.length;
const PLURAL = /(s|people|children|data|media)$/;
const EVERY_TABLE_HAS = [
  "id",
  "organization_id",
  "clinic_id",
  "created_at",
  "updated_at",
  "created_by",
  "updated_by",
];

/** @throws one error that says everything that is wrong with the request, and what would be right. */
export function parseNewTable({ path, scope, columns }: TableRequest, schema: ExistingSchema): NewTable {
  const problems: string[] = [];
  const [domain = "", name = "", ...rest] = path.split("/");
  if (name === "" || rest.length > 0) {
    throw new Error(`Name the table as <domain>/<name>, such as scheduling/rooms; got '${path}'`);
  }
  for (const [what, given] of Object.entries({ domain, table: name })) {
    const problem = nameProblem(given, MAXIMUM_NAME);
    if (problem !== undefined) {
      problems.push(`The name of the ${what} '${given}' ${problem}.`);
    }
  }
  if (!PLURAL.test(name)) {
    problems.push(`A table is named in the plural, as 'appointments' is; got '${name}'.`);
  }
  if (schema.tables.has(name) || schema.otherNames.has(name)) {
    problems.push(`There is a table, view or type app_public.${name} already.`);
  }
  const parsed = columns.map((text) => parseColumn(text, scope, schema, problems));
  for (const { name: repeated } of parsed.filter((column, index) =>
    parsed.slice(0, index).some((other) => other.name === column.name),
  )) {
    problems.push(`The column '${repeated}' is given twice.`);
  }
  if (problems.length > 0) {
    throw new Error(problems.join("\n"));
  }
  return { domain, name, scope, columns: parsed };
}

function parseColumn(text: string, scope: Scope, schema: ExistingSchema, problems: string[]): NewColumn {
  const [name = "", type = "", option, ...rest] = text.split(":");
  if (type === "" || rest.length > 0 || (option !== undefined && option !== "optional")) {
    problems.push(`A column is name:type or name:type:optional; got '${text}'.`);
  }
  const problem = nameProblem(name, MAXIMUM_NAME);
  if (problem !== undefined) {
    problems.push(`The name of the column '${name}' ${problem}.`);
  } else if (EVERY_TABLE_HAS.includes(name)) {
    problems.push(`The column '${name}' comes by itself (or by --scope); leave it out.`);
  }
  const isOptional = option === "optional";
  if (Object.hasOwn(COLUMN_TYPES, type)) {
    return { name, type, isOptional, reference: null };
  }
  const reference = {
    table: type,
    holdsClinic: scope === "clinic" && schema.tables.get(type)?.hasClinic === true,
  };
  if (type !== "") {
    problems.push(...referenceProblems({ name, isOptional, scope, ...reference }, schema));
  }
  return { name, type: "uuid", isOptional, reference };
}

function referenceProblems(
  {
    name,
    table,
    holdsClinic,
    isOptional,
    scope,
  }: { name: string; table: string; holdsClinic: boolean; isOptional: boolean; scope: Scope },
  schema: ExistingSchema,
): string[] {
  const existing = schema.tables.get(table);
  if (existing === undefined) {
    const types = Object.keys(COLUMN_TYPES).join(", ");
    return [
      `The type of the column '${name}' must be one of ${types}, or a table of app_public; got '${table}'.`,
    ];
  }
  const problems: string[] = [];
  if (!name.endsWith("_id")) {
    problems.push(`A column that refers to a table ends in _id; got '${name}'.`);
  }
  const key = holdsClinic ? "organization_id, clinic_id, id" : "organization_id, id";
  if (!existing.hasOrganization || !existing.keys.includes(key)) {
    problems.push(
      `'${name}' cannot refer to ${table}: a key that crosses no tenant needs its unique (${key}), which it does not have.`,
    );
  }
  if (scope === "organization" && table === "patients") {
    problems.push(
      `'${name}' cannot refer to patients from a table of the organization: its admins write it, who see no patients. Use --scope clinic.`,
    );
  }
  if (!isOptional && !Object.hasOwn(KNOWN_ROWS, table)) {
    const known = Object.keys(KNOWN_ROWS).join(", ");
    problems.push(
      `The tests and the demo data have rows of ${known}, and none of ${table} that '${name}' could refer to: make it ${name}:${table}:optional.`,
    );
  }
  return problems;
}
