import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { PROJECT_ROOT } from "../config.ts";
import type { Finding } from "./checkAccess.ts";

/** A finding that somebody has decided to live with, until a day. */
export interface Waiver {
  /** The rule's name, for example `0055_definer_exposed`. */
  rule: string;
  /** Exactly as the finding names it. */
  object: string;
  reason: string;
  /** The last day on which it counts, as YYYY-MM-DD. */
  expires: string;
}

export interface WaivedFindings {
  /** What remains to be done, waivers that expired or match nothing included. */
  open: Finding[];
  waived: Finding[];
}

const OWN_WAIVERS = join(PROJECT_ROOT, "access-waivers.json");

const KEYS = ["rule", "object", "reason", "expires"] as const;
const MINIMUM_REASON_LENGTH = 15;

/** The waivers of this repository; none where it has no such file. */
export async function readOwnWaivers(): Promise<Waiver[]> {
  return existsSync(OWN_WAIVERS) ? readWaivers(OWN_WAIVERS) : [];
}

/** Reads a file of waivers. Throws one error that lists every entry that is not one. */
export async function readWaivers(file: string): Promise<Waiver[]> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "there is no such file" : cause.message;
    throw new Error(`Cannot read the waivers in '${file}': ${why}`, { cause });
  });
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (cause) {
    throw new Error(`Cannot read the waivers in '${file}': it must be a JSON array`, { cause });
  }
  if (!Array.isArray(entries)) {
    throw new Error(`'${file}' must hold a JSON array of waivers; it holds ${typeof entries}`);
  }
  const problems = entries.flatMap((entry: unknown, index) =>
    problemsOf(entry).map((problem) => `- entry ${index + 1}: ${problem}`),
  );
  if (problems.length > 0) {
    throw new Error(`'${file}' holds entries that are no waivers:\n${problems.join("\n")}`);
  }
  return entries;
}

function problemsOf(entry: unknown): string[] {
  if (typeof entry !== "object" || entry === null) {
    return [`it must be an object with ${KEYS.join(", ")}; it is ${JSON.stringify(entry)}`];
  }
  const values = entry as Record<string, unknown>;
  const unknown = Object.keys(values).filter((key) => !KEYS.some((known) => known === key));
  const missing = KEYS.filter((key) => typeof values[key] !== "string" || values[key] === "");
  const problems = [
    ...unknown.map((key) => `'${key}' is not one of ${KEYS.join(", ")}`),
    ...missing.map((key) => `'${key}' must be a text; it is ${JSON.stringify(values[key]) ?? "missing"}`),
  ];
  const { reason, expires } = values;
  if (typeof reason === "string" && reason !== "" && reason.length < MINIMUM_REASON_LENGTH) {
    problems.push(`'reason' must say why, in ${MINIMUM_REASON_LENGTH} characters or more; it is '${reason}'`);
  }
  if (typeof expires === "string" && expires !== "" && !isDate(expires)) {
    problems.push(`'expires' must be a day as YYYY-MM-DD; it is '${expires}'`);
  }
  return problems;
}

function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/**
 * Takes away what is waived, and adds each waiver that has expired or that no finding needs any more.
 *
 * @param rules the names of the rules that ran: a waiver of another rule is not held to be unused.
 * @param today as YYYY-MM-DD.
 */
export function applyWaivers(
  findings: readonly Finding[],
  waivers: readonly Waiver[],
  { rules, today }: { rules: readonly string[]; today: string },
): WaivedFindings {
  const matches = (waiver: Waiver) => (finding: Finding) =>
    finding.rule === waiver.rule && finding.object === waiver.object;
  const counting = waivers.filter(({ expires }) => expires >= today);
  const isWaived = (finding: Finding) => counting.some((waiver) => matches(waiver)(finding));
  const stale = waivers.flatMap((waiver) => {
    if (!counting.includes(waiver)) {
      return [staleWaiver("waiver_expired", waiver, `it expired on ${waiver.expires}`)];
    }
    const isKnownUnused = rules.includes(waiver.rule) && !findings.some(matches(waiver));
    return isKnownUnused ? [staleWaiver("waiver_unused", waiver, "nothing is found there any more")] : [];
  });
  return {
    open: [...findings.filter((finding) => !isWaived(finding)), ...stale],
    waived: findings.filter(isWaived),
  };
}

function staleWaiver(rule: string, waiver: Waiver, detail: string): Finding {
  return {
    rule,
    title: "Every waiver counts, and is needed.",
    severity: "error",
    object: `${waiver.rule} ${waiver.object}`,
    detail,
    why: "A waiver that nobody looks at any more hides the next finding at the same place.",
    fix: `-- Take it out of the file of waivers, or decide anew and give it another day: ${waiver.reason}`,
  };
}
