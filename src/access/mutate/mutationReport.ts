import type { JudgedResult } from "./judgeSurvivors.ts";

/** What one run has to say. */
export interface MutationReport {
  /** How many mutants the catalogue gives, those that were not asked for included. */
  generated: number;
  /** How many of the results an earlier run had found out. */
  known: number;
  results: readonly JudgedResult[];
  staleWaivers: readonly string[];
  killers: readonly string[];
  /** False after an interruption. */
  isFinished: boolean;
  jobs: number;
  seconds: number;
}

/** Whether everything that was tried was noticed, by somebody or in a waiver. */
export const isClean = ({ results, staleWaivers, isFinished }: MutationReport) =>
  isFinished &&
  staleWaivers.length === 0 &&
  results.every(({ status }) => status === "killed" || status === "waived");

/** For people: each survivor with its SQL, a line for each operator, and the total. */
export function mutationText(report: MutationReport): string {
  const { results, staleWaivers, killers } = report;
  const open = results.filter(({ status }) => status === "survived" || status === "invalid");
  return [
    ...open.map(survivorText),
    ...staleWaivers.map((sentence) => `stale waiver ${sentence}\n`),
    ...operatorTable(results, columnsOf(killers)),
    "",
    totals(report),
  ].join("\n");
}

function survivorText({ status, operator, object, evidence, sql }: JudgedResult): string {
  const lines = [
    `${status} ${operator} ${object}`,
    ...(evidence === null ? [] : [evidence]),
    ...sql.split("\n"),
  ];
  return `${lines.join("\n    ")}\n`;
}

const columnsOf = (killers: readonly string[]) => [...new Set([killers[0] ?? "", "rows", ...killers])];

function operatorTable(results: readonly JudgedResult[], killers: readonly string[]): string[] {
  const head = ["operator", "mutants", ...killers, "survived", "waived", "seconds"];
  const rows = [...Map.groupBy(results, ({ operator }) => operator)].map(([operator, group]) => {
    const count = (test: (result: JudgedResult) => boolean) => String(group.filter(test).length);
    return [
      operator,
      String(group.length),
      ...killers.map((name) => count(({ killer }) => killer === name)),
      count(({ status }) => status === "survived" || status === "invalid"),
      count(({ status }) => status === "waived"),
      group.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1),
    ];
  });
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
}

function totals({ generated, known, results, killers, jobs, seconds, isFinished }: MutationReport): string {
  const count = (status: string) => results.filter((result) => result.status === status).length;
  const by = columnsOf(killers).map(
    (name) => `${results.filter(({ killer }) => killer === name).length} by ${name}`,
  );
  const invalid = count("invalid") > 0 ? `, ${count("invalid")} cannot run` : "";
  const earlier = known > 0 ? ` ${known} of them in earlier runs;` : "";
  return (
    `${results.length} of ${generated} mutants: ${count("killed")} killed (${by.join(", ")}), ` +
    `${count("survived")} survived${invalid}, ${count("waived")} waived.${earlier} ` +
    `${seconds.toFixed(0)} s, ${jobs} at a time.${isFinished ? "" : " Interrupted: the rest was not tried."}`
  );
}

/** For machines: everything, as one JSON object. */
export function mutationJson(report: MutationReport): string {
  return JSON.stringify(report, null, 2);
}
