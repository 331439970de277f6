/**
 * The time that a scheduled job is for, ISO 8601: what the schedule adds as `_cron.ts`, which may be long ago when a missed tick
 * is made up for. Now, for a job that somebody added by hand.
 */
export function scheduledAt(payload: Readonly<Record<string, unknown>>): string {
  const tick = (payload._cron ?? {}) as { ts?: unknown };
  return typeof tick.ts === "string" ? tick.ts : new Date().toISOString();
}
