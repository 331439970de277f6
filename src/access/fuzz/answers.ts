import { createHash } from "node:crypto";

import type { Variables } from "./openApi.ts";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const TIME = /\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:?\d{2})/g;
const ENCODED = /[A-Za-z0-9+/]{16,}={0,2}/g;
/** Groups come in whatever order the plan of the day gives them. */
const GROUPS = /"groupedAggregates":(\[(?:\{(?:"__typename":"\w+",)?"keys":\[[^\]]*\]\},?)*\])/g;
/** Tokens and challenges: new each time. */
const SECRET = /"(?=[^"]*[0-9])[A-Za-z0-9+/._-]{24,}={0,2}"/g;

/** An answer without what the request said itself: what two answers must have in common. */
export function withoutEcho(text: string, variables: Variables): string {
  const sent = Object.entries(variables)
    .filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1].length > 2)
    .sort(([, a], [, b]) => b.length - a.length);
  let rest = text;
  for (const [, value] of sent) {
    const quoted = JSON.stringify(value).slice(1, -1);
    rest = rest.replaceAll(quoted, "«sent»");
    for (const [uuid] of Buffer.from(value, "base64").toString("latin1").matchAll(UUID)) {
      rest = rest.replaceAll(uuid, "«sent»");
    }
  }
  return rest;
}

/** An answer with its groups in the order of their keys. */
export function withSortedGroups(text: string): string {
  return text.replaceAll(GROUPS, (_match, groups: string) => {
    const printed = (JSON.parse(groups) as unknown[]).map((group) => JSON.stringify(group));
    return `"groupedAggregates":[${printed.toSorted().join()}]`;
  });
}

/** An answer without what differs from one time to the next: new ids, the time of day, the order of groups. */
export function withoutNews(text: string): string {
  const opened = withSortedGroups(text).replaceAll(ENCODED, (run) => {
    const decoded = Buffer.from(run, "base64").toString("latin1");
    return /^\["/.test(decoded) ? decoded : run;
  });
  return opened.replaceAll(UUID, "«uuid»").replaceAll(TIME, "«time»").replaceAll(SECRET, "«secret»");
}

export function fingerprint(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
