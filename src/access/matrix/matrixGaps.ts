import { DECLARATIONS } from "./declarations.ts";
import { tenantColumns } from "./freshRow.ts";
import type { MatrixLine } from "./matrixLine.ts";
import { grantedColumns, type ProbedTable } from "./readTables.ts";
import { type Place, type Relation, RELATIONS, type Row } from "./relations.ts";
import type { ProbedDatabase } from "./sights.ts";

/** Of each of these choices, one. */
type Needed = readonly (readonly Relation[])[];

const ROLE = "app_user";
const COMMANDS = ["insert", "update", "delete"] as const;

/**
 * What of a table was not shown: rows in a relation without which "sees nothing" means nothing, or a command that nobody
 * could do at all, so that nobody was kept from it either. One sentence each.
 */
export function matrixGaps(
  database: ProbedDatabase,
  tables: readonly ProbedTable[],
  lines: readonly MatrixLine[],
  people: { provider: Place; breakGlass: Place },
): string[] {
  return tables
    .filter(isOpen)
    .flatMap((table) => [...rowGaps(database, table, people), ...commandGaps(table, lines)]);
}

/** Whether requests of people can do anything with it. */
export function isOpen(table: ProbedTable): boolean {
  return table.deletedBy.includes(ROLE) || table.columns.some((column) => may(column, ROLE));
}

function may({ select, insert, update }: ProbedTable["columns"][number], role: string): boolean {
  return [select, insert, update].some((roles) => roles.includes(role));
}

function rowGaps(
  { rows, relations }: ProbedDatabase,
  table: ProbedTable,
  { provider, breakGlass }: { provider: Place; breakGlass: Place },
): string[] {
  if (table.isView) {
    return [];
  }
  const found = (place: Place) =>
    new Set((rows.get(table.name) ?? []).map((row) => relations.relationOf(table, row, place)));
  const [ofProvider, ofBreakGlass] = [found(provider), found(breakGlass)];
  const missing = neededRelations(table, rows.get(table.name) ?? []).filter(
    (choice) => !choice.some((relation) => ofProvider.has(relation)),
  );
  const isClinical = table.references.some(({ target }) => target === "app_public.patients");
  const sentences = missing.map((choice) => `a row of ${choice.join(" or ")} to a provider`);
  if (isClinical && !ofBreakGlass.has("break-glass") && table.name !== "app_public.patient_clinic_links") {
    sentences.push("a row of a patient whose record somebody opened in an emergency");
  }
  return sentences.map((sentence) => `${table.name}: the world has not ${sentence} (src/access/world)`);
}

/** Which relations there have to be rows of, by whose a row of the table can be. */
function neededRelations(table: ProbedTable, rows: readonly Row[]): Needed {
  const tenant = tenantColumns(table);
  const [clinic, ...clinics] = tenant.filter((name) => name.endsWith("clinic_id"));
  if (tenant.length > 0 || table.name === "app_public.organizations") {
    // What connects two clinics is hardly ever without the person's own.
    const isOfOne = clinic !== undefined && clinics.length === 0 && rows.some((row) => row[clinic] !== null);
    return [
      ["own", "same clinic", "organization"],
      ["other organization"],
      ...(isOfOne ? [["other clinic", "shared", "shared by name"] as const] : []),
    ];
  }
  const isOfPeople = table.columns.some(({ name }) => name === "user_id");
  const others = RELATIONS.filter((relation) => relation !== "own");
  return isOfPeople ? [["own"], others] : [["system", "own"]];
}

function commandGaps(table: ProbedTable, lines: readonly MatrixLine[]): string[] {
  const granted = COMMANDS.filter((command) =>
    command === "delete" ? table.deletedBy.includes(ROLE) : grantedColumns(table, command, ROLE).length > 0,
  );
  if (table.isView) {
    return granted.map((command) => `${table.name}: a view that one can ${command} is not probed`);
  }
  return granted
    .filter((command) => DECLARATIONS[table.name]?.unreachable?.[command] === undefined)
    .filter(
      (command) =>
        !lines.some(
          (line) =>
            line.table === table.name && line.command === command && /^(full|some)/.test(line.outcome),
        ),
    )
    .map(
      (command) =>
        `${table.name}: nobody could ${command}, though the grant is there; say in src/access/matrix/declarations.ts how to`,
    );
}
