import type { Canary } from "./canaries.ts";
import { markersIn, uuidsIn } from "./canaries.ts";
import type { Answer, Caller, Variables } from "./openApi.ts";
import { fieldOfAlias, type FuzzRequest } from "./RequestWriter.ts";

export interface Finding {
  kind: "canary" | "id" | "difference" | "trace" | "write" | "log" | "event" | "blind" | "failure";
  /** The field of the schema: `Patient.familyName`. */
  field: string;
  /** Who got it. */
  person: string;
  detail: string;
}

/** What the foreign tenant has that nobody else may learn. */
export interface Secrets {
  canaries: ReadonlyMap<string, Canary>;
  foreignIds: ReadonlySet<string>;
}

/** Everything of the foreign tenant in an answer that the request did not say itself. */
export function leaksIn(
  { data, text }: Pick<Answer, "data" | "text">,
  request: FuzzRequest,
  variables: Variables,
  caller: Caller,
  { canaries, foreignIds }: Secrets,
): Finding[] {
  const sent = JSON.stringify([request.slots.length > 0 ? variables : {}, caller.headers ?? {}]);
  const sentMarkers = markersIn(sent);
  const sentIds = uuidsIn(sent);
  const markers = [...markersIn(text)].filter((marker) => canaries.has(marker) && !sentMarkers.has(marker));
  const ids = [...uuidsIn(text)].filter((id) => foreignIds.has(id) && !sentIds.has(id));
  const finding = (kind: Finding["kind"], what: string, detail: string): Finding => ({
    kind,
    field: placeOf(data, what) ?? `${request.title} (errors)`,
    person: caller.name,
    detail: `${detail}, asked by ${request.title}`,
  });
  return [
    ...markers.map((marker) => finding("canary", marker, `holds ${canaries.get(marker)?.column}`)),
    ...ids.map((id) => finding("id", id, `holds the foreign id ${id}`)),
  ];
}

/** The field of an answer whose value holds something, however it is wrapped. */
function placeOf(data: unknown, what: string, type = "Query"): string | undefined {
  if (Array.isArray(data)) {
    return first(data, (each) => placeOf(each, what, type));
  }
  if (typeof data !== "object" || data === null) {
    return undefined;
  }
  const row = data as Record<string, unknown>;
  const name = typeof row.__typename === "string" ? row.__typename : type;
  return first(Object.entries(row), ([key, value]) => {
    const deeper = placeOf(value, what, name);
    return deeper ?? (holds(value, what) ? `${name}.${fieldOfAlias(key)}` : undefined);
  });
}

function holds(value: unknown, what: string): boolean {
  const text = JSON.stringify(value) ?? "";
  return markersIn(text).has(what) || uuidsIn(text).has(what);
}

function first<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
