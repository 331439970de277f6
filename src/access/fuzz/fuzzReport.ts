import type { Canary } from "./canaries.ts";
import type { Finding } from "./Findings.ts";

/** What one run of the walk has to say. */
export interface FuzzReport {
  requests: number;
  /** Things of the schema that a request can name: fields, arguments, fields of inputs, orders. */
  items: number;
  covered: number;
  /** What no executed request has named, and why if that is known. */
  uncovered: { item: string; reason: string }[];
  findings: Finding[];
  /** Requests that may tell whether something foreign exists, and did: see accepted.ts. */
  accepted: string[];
  /** Columns with a canary in them, and how many of them a request may read at all. */
  canaries: { columns: number; readable: number; seen: number };
  /** Readable canaries that the foreign tenant's own people were not shown: there the walk is blind. */
  unseen: string[];
  /** Columns of text that took no canary. */
  withoutCanary: string[];
  /** Fields of objects, and in how many of them the foreign tenant's own people got a value. */
  fields: { total: number; reached: number };
  /** Fields in which they got none: what they were told instead. */
  unreached: { field: string; reason: string }[];
  people: string[];
  seed: number;
  seconds: number;
}

const SHOWN = 200;

export function isClean({ findings, uncovered, unseen }: FuzzReport): boolean {
  return findings.length === 0 && uncovered.length === 0 && unseen.length === 0;
}

/** For people: what leaked first, then what was not looked at, then the figures. */
export function fuzzText(report: FuzzReport): string {
  const {
    findings,
    accepted,
    uncovered,
    unseen,
    canaries,
    fields,
    requests,
    items,
    covered,
    people,
    seconds,
  } = report;
  const blocks = [
    section(
      "Leaks",
      [...Map.groupBy(findings, ({ kind, field }) => `${kind} ${field}`)].map(([title, same]) => {
        const persons = [...new Set(same.map(({ person }) => person))].filter(Boolean).join(", ");
        return `✗ ${title}${persons && ` (${persons})`}: ${same[0]?.detail}`;
      }),
    ),
    section(
      "Not covered by any request",
      uncovered.map(({ item, reason }) => `✗ ${item}: ${reason}`),
    ),
    section(
      "Not seen by those who may see it, so a leak would not be either",
      unseen.map((column) => `✗ ${column}`),
    ),
  ];
  return [
    ...blocks.filter((block) => block !== ""),
    `${requests} requests of ${people.length} people covered ${covered} of ${items} fields, arguments, inputs and orders` +
      ` in ${seconds.toFixed(1)} s (seed ${report.seed}).`,
    `${findings.length} leaks${accepted.length > 0 ? `, ${accepted.length} accepted (${accepted.join(", ")})` : ""}. ${canaries.columns} columns hold canaries; ${canaries.seen} of the ${canaries.readable}` +
      ` that requests may read were shown to their owners.`,
    `${fields.reached} of ${fields.total} fields answered their owners with a value; --json tells why the others did not.`,
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string {
  const shown = lines.slice(0, SHOWN);
  const rest = lines.length - shown.length;
  return lines.length === 0
    ? ""
    : [`${title}:`, ...shown, ...(rest > 0 ? [`… and ${rest} more`] : []), ""].join("\n  ").trimEnd() + "\n";
}

/** Splits the canaries into what the report counts and what it names. */
export function canaryFigures(
  canaries: readonly Canary[],
  seen: ReadonlySet<string>,
  isExpected: (canary: Canary) => boolean,
): Pick<FuzzReport, "canaries" | "unseen" | "withoutCanary"> {
  const planted = canaries.filter(({ rows }) => rows > 0);
  const readable = planted.filter(({ isReadable }) => isReadable);
  return {
    canaries: {
      columns: planted.length,
      readable: readable.length,
      seen: readable.filter(({ marker }) => seen.has(marker)).length,
    },
    unseen: readable
      .filter((canary) => !seen.has(canary.marker) && isExpected(canary))
      .map(({ column }) => column),
    withoutCanary: canaries.filter(({ rows }) => rows === 0).map(({ column }) => column),
  };
}
