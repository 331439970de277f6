import { escapeHtml } from "../mail/escapeHtml.ts";
import type { ReportContent, ReportFigure } from "./readReport.ts";

const TITLES: Readonly<Record<ReportContent["period"], string>> = {
  week: "Weekly report",
  month: "Monthly report",
};
const STYLE =
  "body{font-family:sans-serif;margin:2rem}table{border-collapse:collapse}th,td{border:1px solid #999;padding:.3rem .6rem;text-align:left}td.number{text-align:right}";

/** A page without scripts, links or pictures: it loads nothing, wherever it is opened. */
export function reportHtml({
  period,
  firstDay,
  lastDay,
  organization,
  clinic,
  figures,
}: Readonly<ReportContent>): string {
  const title = escapeHtml(`${TITLES[period]}: ${clinic ?? organization}`);
  const scope = escapeHtml(clinic === null ? "The whole organization" : organization);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<p>${scope}, ${escapeHtml(firstDay)} to ${escapeHtml(lastDay)}</p>
${figures.length === 0 ? "<p>Nothing was measured.</p>" : table(figures)}
</body>
</html>
`;
}

const HEADINGS = ["Area", "Metric", "Source", "Unit", "Sum", "Values", "Before", "Change"];

function table(figures: readonly ReportFigure[]): string {
  return `<table>
<thead><tr>${HEADINGS.map((heading) => `<th scope="col">${heading}</th>`).join("")}</tr></thead>
<tbody>
${figures.map(row).join("\n")}
</tbody>
</table>`;
}

function row({ area, metric, source, unit, sum, count, previousSum }: ReportFigure): string {
  const texts = [area, metric, source, unit ?? ""].map((text) => `<td>${escapeHtml(text)}</td>`);
  const numbers = [sum, count, previousSum, previousSum === null ? null : sum - previousSum].map(
    (value) => `<td class="number">${value === null ? "" : escapeHtml(String(value))}</td>`,
  );
  return `<tr>${[...texts, ...numbers].join("")}</tr>`;
}
