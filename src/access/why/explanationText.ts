import type { Explanation } from "./explainAccess.ts";
import type { Evidence, PolicyAnswer, Verdict } from "./judgeAccess.ts";

const MARKS = new Map<boolean | null, string>([
  [true, "✓"],
  [false, "✗"],
  [null, "·"],
]);

/** An explanation for people: the verdict in one line, its reason, then everything that was asked. */
export function explanationText(explanation: Explanation): string {
  const { person, allowed, command, table, id, because } = explanation;
  const lines = [
    `${person} ${allowed ? "CAN" : "CANNOT"} ${command} ${table} ${id}: ${because}.`,
    ...scopeLines(explanation),
    "",
    grantsLine(explanation),
  ];
  if (explanation.policies.length > 0) {
    lines.push("Policies:", ...explanation.policies.flatMap(policyLines));
    if (explanation.policies.every(({ result }) => result === null)) {
      lines.push(`  (· not asked: ${because})`);
    }
  } else {
    lines.push(`No policy of the table is about ${explanation.role}.`);
  }
  return lines.join("\n");
}

function scopeLines({ scope }: Explanation): string[] {
  const headers = [
    scope.organizationId && `X-Organization-Id: ${scope.organizationId}`,
    scope.clinicId && `X-Clinic-Id: ${scope.clinicId}`,
    scope.purposeOfUse && `X-Purpose-Of-Use: ${scope.purposeOfUse}`,
  ].filter((header) => header !== null);
  return headers.length > 0 ? [`In a request with ${headers.join(", ")}.`] : [];
}

function grantsLine({ role, grants }: Verdict): string {
  const columns = (names: string[]) =>
    names.length === 0 ? "no column" : `${names.length} column${names.length === 1 ? "" : "s"}`;
  const parts = [
    `${grants.usage ? "✓" : "✗"} USAGE of the schema`,
    `${grants.select.length > 0 ? "✓" : "✗"} SELECT of ${columns(grants.select)}`,
    grants.update && `${grants.update.length > 0 ? "✓" : "✗"} UPDATE of ${columns(grants.update)}`,
    grants.delete !== null && `${grants.delete ? "✓" : "✗"} DELETE`,
  ].filter((part) => typeof part === "string");
  return `Grants to ${role}: ${parts.join(", ")}.`;
}

function policyLines(answer: PolicyAnswer): string[] {
  const mark = MARKS.get(answer.result);
  const indent = "  ".repeat(answer.depth + 1);
  const join = answer.connective && ` (${answer.connective === "or" ? "any" : "all"} of)`;
  const facts = answer.evidence.map((fact) => `${indent}      ← ${factText(fact)}`);
  const condition = readable(answer.expression);
  if (answer.depth > 0) {
    return [`${indent}${mark} ${join ? join.trim() : condition}`, ...facts];
  }
  const kind = answer.permissive ? "permissive" : "restrictive";
  const phase = answer.phase === "using" ? "using" : "with check";
  const title = `${indent}${mark} ${answer.policy}: ${kind}, for ${answer.policy_command}, to ${answer.roles}, ${phase}`;
  return [join ? title + join : `${title} ${condition}`, ...facts];
}

function factText({ table, id, fact }: Evidence): string {
  const place = [table, id].filter((part) => part !== null).join(" ");
  return place === "" ? fact : `${fact} [${place}]`;
}

/** Without the names that Postgres gives to columns of sub-selects, and on one line; `--json` has the exact text. */
function readable(expression: string): string {
  return expression
    .replaceAll(/ AS \w+(?=\))/g, "")
    .replaceAll(/\s+/g, " ")
    .replace(/^\((.*)\)$/, "$1");
}
