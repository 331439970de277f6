/** As Postgres, JavaScript and PostGraphile write moments. */
const MOMENT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/;

/**
 * The answer in one way of writing: moments in milliseconds, and the fields of objects by their names. Everything else must
 * be the same as it stands.
 */
export function canonical(value: unknown): unknown {
  if (typeof value === "string" && MOMENT.test(value)) {
    return new Date(value).toISOString();
  }
  if (Array.isArray(value)) {
    return value.map(canonical);
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([name, each]) => [name, canonical(each)]));
  }
  return value;
}

/** Where two answers differ, and how; undefined where they do not. */
export function findDifference(left: unknown, right: unknown, path = "data"): string | undefined {
  const [a, b] = [canonical(left), canonical(right)];
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return a === b ? undefined : `${path}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`;
  }
  const [ours, theirs] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const found = findDifference(ours[name], theirs[name], `${path}.${name}`);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
