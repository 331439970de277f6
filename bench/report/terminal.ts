import type { Section } from "./section.ts";

/** A section for the terminal: its table in columns. */
export function describeSection({ name, title, table, targets }: Section): string {
  const lines = [table.head, ...table.rows];
  const widths = table.head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const rows = lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
  const verdicts = targets.map(
    ({ promise, measured, holds }) => `${holds ? "✓" : "✗"} ${promise}: ${measured}`,
  );
  return [`${name}: ${title}`, ...rows, ...verdicts].join("\n  ");
}
