import type { DocumentedColumn, DocumentedReference, DocumentedTable } from "./readTables.ts";

/** Every table has them; a diagram is about the others. */
const STAMPS = new Set(["created_at", "updated_at", "created_by", "updated_by"]);

/** A Mermaid `erDiagram` of some tables, and the names alone of the tables they refer to. */
export function entityDiagram(tables: readonly DocumentedTable[]): string {
  const lines = tables
    .filter(({ isView }) => !isView)
    .flatMap((table) => [
      `  ${entityName(table.name)} {`,
      ...table.columns
        .filter(({ name }) => !STAMPS.has(name))
        .map((column) => `    ${attribute(column, table.references)}`),
      "  }",
      ...table.references.map((reference) => `  ${relationship(table, reference)}`),
    ]);
  return ["erDiagram", ...lines].join("\n");
}

/** The API's schema goes without saying. */
function entityName(qualified: string): string {
  return qualified.replace(/^app_public\./, "").replace(".", "_");
}

function attribute(
  { name, type, isPrimaryKey }: DocumentedColumn,
  references: readonly DocumentedReference[],
): string {
  const isForeignKey = references.some(({ columns }) => columns.includes(name));
  const keys = [...(isPrimaryKey ? ["PK"] : []), ...(isForeignKey ? ["FK"] : [])];
  return [type, name, keys.join(", ")].filter((part) => part !== "").join(" ");
}

function relationship(
  table: DocumentedTable,
  { target, meaning, isNullable, isUnique }: DocumentedReference,
): string {
  const parent = isNullable ? "|o" : "||";
  const child = isUnique ? "o|" : "o{";
  return `${entityName(target)} ${parent}--${child} ${entityName(table.name)} : ${meaning}`;
}
