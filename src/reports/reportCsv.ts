import { stringify } from "csv-stringify/sync";

import { CSV_OPTIONS } from "../exports/csvOptions.ts";
import type { ReportContent } from "./readReport.ts";

/** A line for each figure, with what it is of, so that files of several clinics and weeks can be put together. */
export function reportCsv({
  figures,
  organization,
  clinic,
  firstDay,
  lastDay,
}: Readonly<ReportContent>): string {
  return stringify(
    figures.map(({ area, metric, source, unit, sum, count, previousSum }) => ({
      organization,
      clinic,
      first_day: firstDay,
      last_day: lastDay,
      area,
      metric,
      source,
      unit,
      sum,
      count,
      previous_sum: previousSum,
    })),
    { ...CSV_OPTIONS, columns: COLUMNS },
  );
}

/** Named here, so that a report without figures has its header, too. */
const COLUMNS = [
  "organization",
  "clinic",
  "first_day",
  "last_day",
  "area",
  "metric",
  "source",
  "unit",
  "sum",
  "count",
  "previous_sum",
];
