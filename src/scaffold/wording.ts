import { KNOWN_ROWS } from "./columnTypes.ts";
import type { NewColumn, NewTable } from "./newTable.ts";

const LINE = 120;

/** `lab_orders` → `lab order`. */
export function singularOf(table: string): string {
  const singular = table
    .replace(/ies$/, "y")
    .replace(/(ss|x|z|ch|sh)es$/, "$1")
    .replace(/([^s])s$/, "$1")
    .replace(/people$/, "person")
    .replace(/children$/, "child");
  return singular.replaceAll("_", " ");
}

/** Items with commas, on one line if they fit between what stands before and after, else wrapped below it. */
export function sqlList(before: string, items: readonly string[], after: string): string {
  const single = `${before}(${items.join(", ")})${after}`;
  if (single.length <= LINE) {
    return single;
  }
  const indent = /^ */.exec(before)?.[0] ?? "";
  const lines: string[] = [];
  for (const [index, item] of items.entries()) {
    const piece = index < items.length - 1 ? `${item},` : item;
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${piece}`.length <= LINE) {
      lines[lines.length - 1] = `${last} ${piece}`;
    } else {
      lines.push(`${indent}  ${piece}`);
    }
  }
  return `${before}(\n${lines.join("\n")}\n${indent})${after}`;
}

/** The columns that say whose the row is. */
export function tenantColumns({ scope }: Pick<NewTable, "scope">): string[] {
  return scope === "clinic" ? ["organization_id", "clinic_id"] : ["organization_id"];
}

/** The columns that may change: what a row refers to makes it what it is. */
export function changeableColumns({ columns }: Pick<NewTable, "columns">): NewColumn[] {
  return columns.filter(({ reference }) => reference === null);
}

/** The columns that tests and demo data have a value for: all but the optional ones that refer to a table without known rows. */
export function filledColumns({ columns }: Pick<NewTable, "columns">): NewColumn[] {
  return columns.filter(({ reference }) => reference === null || Object.hasOwn(KNOWN_ROWS, reference.table));
}

/** The column that says which patient the row is about. */
export function patientColumn({ columns }: Pick<NewTable, "columns">): NewColumn | undefined {
  return columns.find(({ reference }) => reference?.table === "patients");
}

/** `appointment_notes` as files of TypeScript are named: `appointmentNotes`. */
export const camelCase = (name: string) =>
  name.replaceAll(/_(.)/g, (_match, letter: string) => letter.toUpperCase());
