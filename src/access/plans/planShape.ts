import { isNeverRun, type PlanNode } from "./judgePlan.ts";
import type { PlannedTables } from "./measureTables.ts";

/** A month's partition stands for its table. */
const MONTH = /_(\d{4}_\d\d|default)$/;
const INDEX_SCAN = /^(Bitmap )?Index (Only )?Scan/;

/**
 * How a plan comes to its rows, in words that are the same on every machine and for any number of rows that is large: for
 * each large table the columns that lead the indexes it is found by. Small ones are read as the planner likes.
 */
export function planShape(plan: PlanNode, { tenantRows, leadingColumns }: PlannedTables): string {
  const ways = new Map<string, Set<string>>();
  const visit = (node: PlanNode, heap: string | undefined) => {
    if (isNeverRun(node)) {
      return;
    }
    const table = node["Relation Name"] ?? (node["Node Type"].startsWith("Bitmap") ? heap : undefined);
    if (table !== undefined && tenantRows.has(table) && node["Node Type"].includes("Scan")) {
      const name = table.replace(MONTH, "");
      ways.set(name, (ways.get(name) ?? new Set()).add(wayOf(node, leadingColumns)));
    }
    node.Plans?.forEach((child) => visit(child, table));
  };
  visit(plan, undefined);
  return [...ways].map(describe).sort().join("; ");
}

function wayOf(node: PlanNode, leadingColumns: ReadonlyMap<string, string>): string {
  if (INDEX_SCAN.test(node["Node Type"])) {
    return `by ${leadingColumns.get(node["Index Name"] ?? "") ?? "an unknown index"}`;
  }
  // The heap's part of a bitmap scan; its indexes are nodes of their own.
  return node["Node Type"].startsWith("Bitmap") ? "" : "whole";
}

function describe([table, found]: [string, Set<string>]): string {
  const ways = [...found].filter((way) => way !== "").sort();
  return ways.length === 0 ? table : `${table} ${ways.join(" and ")}`;
}
