import { COLUMN_TYPES, KNOWN_ROWS } from "./columnTypes.ts";
import type { NewColumn, NewTable, Scope } from "./newTable.ts";
import {
  camelCase,
  changeableColumns,
  filledColumns,
  patientColumn,
  singularOf,
  tenantColumns,
} from "./wording.ts";

interface ScopeAccess {
  /** What the tests' world has a row in. */
  places: string;
  /** How many of these rows each kind of person sees, in the order of KINDS (src/access/world/kinds.ts). */
  visible: string;
  /** Names of matrix/part.ts: who writes, and the tenant of the row that they change. */
  writers: string;
  tenant: string;
}

const ACCESS: Record<Scope, ScopeAccess> = {
  clinic: {
    places: "here, there, abroad",
    visible: "1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 3, 0, 1, 0, 0",
    writers: "CLINIC_STAFF",
    tenant: "ofClinic",
  },
  organization: {
    places: "here, abroad",
    visible: "1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 2, 0, 1, 0, 0",
    writers: "ADMINISTRATORS",
    tenant: "ofOrganization",
  },
};

/** `test/schema/access/matrix/tables/<name>.ts`, unformatted: who sees and who writes the table's rows. */
export function matrixPart(table: NewTable): string {
  const { name, scope } = table;
  const { visible, writers, tenant } = ACCESS[scope];
  const target = `app_public.${name}`;
  const isChangeable = changeableColumns(table).length > 0;
  const imports = [writers, "type MatrixPart", ...(isChangeable ? [tenant] : []), "row"];
  return `\
import { INSERT, values } from "../../../../../src/access/world/tables/${camelCase(name)}.ts";
import { ${imports.join(", ")} } from "../part.ts";

export const PART: MatrixPart = {
  visible: { "${target}": row(${visible}) },
  writes: [${writes(table, target).join(", ")}],
  refused: ["update ${target} set organization_id = organization_id"],
};
`;
}

/** `src/access/world/tables/<name>.ts`, unformatted: a row in each place of the world in which access is probed. */
export function worldRows(table: NewTable): string {
  const { places } = ACCESS[table.scope];
  return `\
import type { RolledBack } from "../rolledBack.ts";
import type { ClinicWorld, World } from "../world.ts";

export ${insertStatement(table, `app_public.${table.name}`)}
export const values = (${parameters(table)}: ClinicWorld) => [${values(table)}];

export async function furnish({ superuser }: RolledBack, { ${places} }: World): Promise<void> {
  for (const place of [${places}]) {
    await superuser.query(INSERT, values(place));
  }
}
`;
}

function insertStatement(table: NewTable, target: string): string {
  const columns = [...tenantColumns(table), ...filledColumns(table).map(({ name }) => name)];
  return `const INSERT = \`insert into ${target} (${columns.join(", ")})
  values (${columns.map((_, index) => `$${index + 1}`).join(", ")})\`;`;
}

const worldPath = ({ reference }: NewColumn) =>
  reference === null ? undefined : KNOWN_ROWS[reference.table]?.world;

/** Of the clinic's world, what a row refers to besides the clinic: `appointment.id` needs `appointment`. */
function parameters(table: NewTable): string {
  const names = filledColumns(table).flatMap((column) => worldPath(column)?.split(".")[0] ?? []);
  return `{ ${[...new Set(["clinic", ...names])].join(", ")} }`;
}

function values(table: NewTable): string {
  return [
    "clinic.organizationId",
    ...(table.scope === "clinic" ? ["clinic.id"] : []),
    ...filledColumns(table).map((column) => worldPath(column) ?? COLUMN_TYPES[column.type]?.sample),
  ].join(", ");
}

function writes(table: NewTable, target: string): string[] {
  const { writers, tenant } = ACCESS[table.scope];
  const noun = singularOf(table.name);
  const [changed] = changeableColumns(table);
  const lines = [
    `{ title: "add a ${noun}", sql: INSERT, values: ({ here }) => values(here), allowed: ${writers} }`,
  ];
  if (patientColumn(table) !== undefined) {
    lines.push(`{
      title: "add a ${noun} about a patient whom the clinic does not see",
      sql: INSERT,
      values: ({ here, there }) => values({ ...here, patient: there.patient }),
      allowed: ["breakGlass"],
    }`);
  }
  if (changed !== undefined) {
    const own = tenantColumns(table).map((column, index) => `${column} = $${index + 1}`);
    lines.push(`{
      title: "change a ${noun}",
      sql: "update ${target} set ${changed.name} = ${changed.name} where ${own.join(" and ")}",
      values: ${tenant},
      allowed: ${writers},
    }`);
  }
  return lines;
}
