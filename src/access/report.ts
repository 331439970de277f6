import type { AccessScope } from "./accessScope.ts";
import type { Finding } from "./checkAccess.ts";
import { type Rule, type RulePage, SEVERITIES, type Severity } from "./rules.ts";

/** What one run of the check has to say. */
export interface AccessReport {
  scope: AccessScope;
  rules: readonly Rule[];
  pages: ReadonlyMap<string, RulePage>;
  open: readonly Finding[];
  waived: readonly Finding[];
  /** How long it took. */
  milliseconds: number;
}

const SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";
const SARIF_LEVELS: Record<Severity, "error" | "warning"> = {
  critical: "error",
  error: "error",
  warning: "warning",
};

/** For people: the worst first, each rule's reason once, each object with the SQL that mends it. */
export function accessText({ scope, rules, open, waived, milliseconds }: AccessReport): string {
  const names = [...new Set(open.map(({ rule }) => rule))];
  const rank = (name: string) =>
    SEVERITIES.indexOf(open.find(({ rule }) => rule === name)?.severity ?? "warning");
  const blocks = names
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
    .map((name) =>
      ruleText(
        open.filter(({ rule }) => rule === name),
        rules.some((rule) => rule.name === name),
      ),
    );
  const counts = SEVERITIES.map((severity) => ({
    severity,
    count: open.filter((finding) => finding.severity === severity).length,
  })).filter(({ count }) => count > 0);
  const total =
    open.length === 0
      ? "No findings"
      : counts.map(({ severity, count }) => `${count} ${severity}`).join(", ");
  return [
    ...blocks,
    `${total}; ${waived.length} waived. ${rules.length} rules in ${Math.round(milliseconds)} ms.`,
    `Schemas ${list(scope.schemas)}; requests run as ${list(scope.requestRoles)}, connect as ${list(scope.loginRoles)};` +
      ` tenant column ${list(scope.tenantColumns)}.`,
  ].join("\n");
}

function ruleText(findings: readonly Finding[], hasPage: boolean): string {
  const [first] = findings;
  const lines = [
    `${first?.severity} ${first?.rule}: ${first?.title}`,
    `  ${first?.why}${hasPage ? ` (docs/access/${first?.rule}.md)` : ""}`,
    ...findings.flatMap(({ object, detail, fix }) => [`  ✗ ${object}: ${detail}`, `      ${fix}`]),
  ];
  return `${lines.join("\n")}\n`;
}

const list = (names: readonly string[]) => (names.length > 0 ? names.join(", ") : "(none)");

/** For machines: everything, as one JSON object. */
export function accessJson({ scope, rules, open, waived, milliseconds }: AccessReport): string {
  const report = {
    scope,
    rules: rules.length,
    milliseconds: Math.round(milliseconds),
    findings: open,
    waived,
  };
  return JSON.stringify(report, null, 2);
}

/** For code scanning: SARIF 2.1.0. A database has no lines, so an object's name stands where a file's would. */
export function accessSarif({ rules, pages, open }: AccessReport): string {
  const descriptors = rules.map(({ name, title, severity }) => ({
    id: name,
    shortDescription: { text: title },
    fullDescription: { text: pages.get(name)?.why ?? title },
    help: { text: pages.get(name)?.why ?? title, markdown: pages.get(name)?.text ?? title },
    defaultConfiguration: { level: SARIF_LEVELS[severity] },
  }));
  const results = open.map(({ rule, severity, object, detail, fix }) => ({
    ruleId: rule,
    level: SARIF_LEVELS[severity],
    message: { text: `${object}: ${detail}\n${fix}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: `database/${encodeURIComponent(object)}` } },
        logicalLocations: [{ fullyQualifiedName: object }],
      },
    ],
    partialFingerprints: { ruleAndObject: `${rule} ${object}` },
  }));
  const tool = { driver: { name: "bailiwick access check", rules: descriptors } };
  return JSON.stringify({ $schema: SARIF_SCHEMA, version: "2.1.0", runs: [{ tool, results }] }, null, 2);
}
