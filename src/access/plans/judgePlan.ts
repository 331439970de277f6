/** A node of `explain (format json)`, as far as it is looked at. */
export interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  /** Absent where the statement was planned and not run. */
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  "Rows Removed by Filter"?: number;
  "Rows Removed by Index Recheck"?: number;
  Plans?: PlanNode[];
  [key: string]: unknown;
}

/** A range of ids may begin in a neighbour's rows; who reads everybody's reads a hundred times as many. */
const TOLERANCE = 3;
/** So few are nobody's rows to be sorry about, however small the tenants of the table are. */
const FEW_ROWS = 1000;
/** Evaluated for each row; what an index is asked for is computed once a scan. */
const CONDITIONS = ["Filter", "Join Filter"];
const OWN_FUNCTION = /\b(app_(public|hidden|private|vault|audit)|auth)\.\w+\(/;
/** A hashed one runs once; any other again for each row. */
const SUBPLAN_PER_ROW = /(?<!hashed )SubPlan \d+/;

/**
 * What is wrong with a plan, in words; nothing if it is as it should be.
 *
 * @param tenantRows table → the most rows that any tenant (an organization, or in the vault a person) has in it. Tables
 *   that are not in it are so small that reading them whole is right.
 */
export function judgePlan(plan: PlanNode, tenantRows: ReadonlyMap<string, number>): string[] {
  const findings: string[] = [];
  const visit = (node: PlanNode) => {
    if (isNeverRun(node)) {
      return;
    }
    const table = node["Relation Name"];
    const most = tenantRows.get(table ?? "");
    if (table !== undefined && most !== undefined) {
      findings.push(...judgeScan(node, table, most));
    }
    if (table === undefined || most !== undefined) {
      findings.push(...judgeConditions(node, table));
    }
    node.Plans?.forEach(visit);
  };
  visit(plan);
  return [...new Set(findings)];
}

/** A branch for others, such as an operator, that the executor did not enter for this person. */
export function isNeverRun(node: PlanNode): boolean {
  return node["Actual Loops"] === 0;
}

function judgeScan(node: PlanNode, table: string, most: number): string[] {
  const findings: string[] = [];
  const index = node["Index Name"] ? ` by ${node["Index Name"]}` : "";
  if (node["Node Type"].includes("Seq Scan")) {
    findings.push(`reads all of ${table}`);
  }
  const removed = (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0);
  const read = Math.round(((node["Actual Rows"] ?? 0) + removed) * (node["Actual Loops"] ?? 0));
  if (read > Math.max(TOLERANCE * most, FEW_ROWS)) {
    findings.push(`reads ${read} rows of ${table}${index}, of which no tenant has more than ${most}`);
  }
  return findings;
}

function judgeConditions(node: PlanNode, table = "a join"): string[] {
  return CONDITIONS.flatMap((name) => {
    const condition = String(node[name] ?? "");
    const [call] = OWN_FUNCTION.exec(condition) ?? [];
    const isAskedPerRow = call !== undefined || SUBPLAN_PER_ROW.test(condition);
    return isAskedPerRow ? [`asks ${call ?? "a subquery"} for each row of ${table}`] : [];
  });
}
