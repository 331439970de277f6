import type { RunParts } from "./runSheet.ts";

/** A figure of one day, as app_hidden.sync_rows gives it; numbers as Postgres writes them. */
export interface FigureRow {
  id: string;
  key: string;
  /** When it last changed, to the microsecond in UTC: later ones sort behind. */
  mark: string;
  day: string;
  area: string;
  metric: string;
  source: string;
  sum: string;
  count: string;
}

export interface Cursor {
  at: string | null;
  id: string | null;
}

/** Pages of what has changed since a cursor, oldest first; one transaction each. */
export async function* readRows(
  integrationId: string,
  { at, id }: Cursor,
  pageSize: number,
  { inTenant, signal }: Pick<RunParts, "inTenant" | "signal">,
): AsyncGenerator<FigureRow[]> {
  let cursor: Cursor = { at, id };
  for (;;) {
    signal.throwIfAborted();
    const { at: afterAt, id: afterId } = cursor;
    const page = await inTenant(async (client) => {
      const { rows } = await client.query<FigureRow>(
        `select id, key, mark, day::text, area, metric, source, sum, count
         from app_hidden.sync_rows($1::uuid, $2::timestamptz, $3::uuid, $4)`,
        [integrationId, afterAt, afterId, pageSize],
      );
      return rows;
    });
    const last = page.at(-1);
    if (last === undefined) {
      return;
    }
    yield page;
    cursor = { at: last.mark, id: last.id };
  }
}
