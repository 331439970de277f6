/** Why a row of an export is not in the database, and how the report says it. */
export const REJECTION_REASONS = {
  invalid_value: "a value is not what its column holds",
  duplicate_id: "the id was there before",
  unknown_reference: "it refers to a row that is not there",
  no_duration: "it ends when it starts, or earlier",
  too_long: "it lasts longer than an appointment may",
  overlap: "the provider has another appointment at that time",
  not_visited: "nothing says which organization knows the patient",
} as const;

export type RejectionReason = keyof typeof REJECTION_REASONS;

export interface Rejection {
  file: string;
  line: number;
  /** The row's id in the export; null where it has none that can be read. */
  id: string | null;
  reason: RejectionReason;
  /** Holds no value of the export but ids. */
  detail: string;
}

/** New rows, and rows that an earlier import has brought. */
export interface WrittenRows {
  imported: number;
  alreadyThere: number;
}

export const WRITTEN_TABLES = [
  "organizations",
  "clinics",
  "users",
  "organization_memberships",
  "clinic_memberships",
  "patients",
  "patient_clinic_links",
  "appointments",
  "care_sessions",
] as const;

export type WrittenTable = (typeof WRITTEN_TABLES)[number];

export interface ImportReport {
  /** Every encounter of the export: `read` is the sum of the other three. */
  encounters: WrittenRows & { read: number; rejected: number };
  /** How many different people of the export are patients somewhere; `tables.patients` counts one per organization. */
  people: number;
  tables: Record<WrittenTable, WrittenRows>;
  rejectedCounts: { file: string; reason: RejectionReason; count: number }[];
  /** At most `LISTED_REJECTIONS`; the report file holds all. */
  rejections: Rejection[];
}

/** More would be held in memory, and read by nobody. */
export const LISTED_REJECTIONS = 1000;

/** The report for a person, as lines. */
export function formatReport(report: ImportReport): string {
  const { encounters, people, tables, rejectedCounts, rejections } = report;
  const isUnchanged = Object.values(tables).every(({ imported }) => imported === 0);
  const width = Math.max(...WRITTEN_TABLES.map((table) => table.length));
  const lines = [
    `${encounters.read} encounters of ${people} people: ${encounters.imported} imported, ` +
      `${encounters.alreadyThere} already there, ${encounters.rejected} rejected.`,
    isUnchanged ? "Nothing changed." : "",
    ...WRITTEN_TABLES.map((table) => {
      const { imported, alreadyThere } = tables[table];
      return `  ${table.replaceAll("_", " ").padEnd(width)} ${column(imported)} new ${column(alreadyThere)} already there`;
    }),
  ];
  if (rejectedCounts.length > 0) {
    lines.push("", "Rejected:");
    lines.push(
      ...rejectedCounts.map(
        ({ file, reason, count }) => `${column(count)}  ${file}: ${REJECTION_REASONS[reason]} (${reason})`,
      ),
      "",
      ...rejections.map(({ file, line, id, detail }) => `  ${file}:${line} ${id ?? "(no id)"}: ${detail}`),
    );
    const count = rejectedCounts.reduce((sum, group) => sum + group.count, 0);
    if (count > rejections.length) {
      lines.push(`  … and ${count - rejections.length} more; --report FILE writes all of them.`);
    }
  }
  return lines.filter((line, index) => line !== "" || index > 1).join("\n");
}

function column(count: number): string {
  return String(count).padStart(8);
}
