import { COLUMN_TYPES, KNOWN_ROWS } from "./columnTypes.ts";
import type { NewColumn, NewTable } from "./newTable.ts";
import { filledColumns } from "./wording.ts";

/** `src/seed/tables/<name>.ts`, unformatted: one row in the demo data's clinic downtown, or its organization. */
export function demoRows(table: NewTable): string {
  const { name, scope } = table;
  const functions = new Set(filledColumns(table).flatMap((column) => knownRow(column)?.demoFunction ?? []));
  const tenant =
    scope === "clinic" ? '...inClinic("downtown")' : 'organization_id: inClinic("downtown").organization_id';
  const values = filledColumns(table).map(
    (column) => `${column.name}: ${knownRow(column)?.demo ?? COLUMN_TYPES[column.type]?.sample}`,
  );
  return `\
import { type DemoRows, inClinic } from "../demoClinics.ts";
import { demoId } from "../demoId.ts";
${functions.size > 0 ? `import { ${[...functions].sort().join(", ")} } from "../demoRecords.ts";\n` : ""}
export const ROWS: DemoRows = {
  ${name}: [{ ${[`id: demoId("${name}/downtown")`, tenant, ...values].join(", ")} }],
};
`;
}

const knownRow = ({ reference }: NewColumn) => (reference === null ? undefined : KNOWN_ROWS[reference.table]);
