import type { Options } from "csv-stringify";

/** Text is quoted always, and has an apostrophe before it where a spreadsheet would take it for a formula. */
export const CSV_OPTIONS = {
  header: true,
  quoted_string: true,
  escape_formulas: true,
  record_delimiter: "windows",
} as const satisfies Options;
