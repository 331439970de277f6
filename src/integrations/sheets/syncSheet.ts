import type { SheetRow } from "./openSheet.ts";
import { type FigureRow, readRows } from "./readRows.ts";
import { type Run, type RunEnd, type RunParts, runSheet } from "./runSheet.ts";

const PAGE = 500;
const KEY_PAGE = 5000;

/**
 * Writes what has changed since the last sync into the sheet, each row at the place that has its key, and empties the
 * places of rows that are gone. After each page the record says how far it has come, so that a sync that is interrupted
 * goes on from there; a page that is written twice is the same page.
 *
 * @returns and @throws as runSheet.
 */
export function syncSheet(integrationId: string, parts: RunParts): Promise<boolean> {
  return runSheet(integrationId, "sync", parts, (run) => sync(run, parts));
}

async function sync(run: Run, parts: RunParts): Promise<RunEnd> {
  const marks = await run.sheet.readMarks();
  const places = new Map(marks.flatMap(({ key }, place) => (key === "" ? [] : [[key, place] as const])));
  const free = marks.flatMap(({ key }, place) => (key === "" ? [place] : []));
  let length = marks.length;
  const placeOf = (key: string) => {
    const place = places.get(key) ?? free.shift() ?? length++;
    places.set(key, place);
    return place;
  };
  const cursor = { at: run.cursorAt, id: run.cursorId };
  for await (const page of readRows(run.integrationId, cursor, PAGE, parts)) {
    await run.sheet.write(page.map((row) => ({ place: placeOf(row.key), row: cells(row) })));
    const last = page.at(-1);
    await parts.inTenant((client) =>
      client.query("select app_hidden.move_run($1::uuid, $2::timestamptz, $3::uuid, $4)", [
        run.id,
        last?.mark,
        last?.id,
        page.length,
      ]),
    );
  }
  const gone = new Set(places.keys());
  for await (const page of readRows(run.integrationId, { at: null, id: null }, KEY_PAGE, parts)) {
    page.forEach(({ key }) => gone.delete(key));
  }
  // A key that stands twice (somebody has copied a row) keeps its last place.
  const removed = marks.flatMap(({ key }, place) =>
    key !== "" && (gone.has(key) || places.get(key) !== place) ? [place] : [],
  );
  if (removed.length > 0) {
    await run.sheet.clear(removed);
  }
  return { rowsRemoved: removed.length, failure: null };
}

function cells({ key, mark, day, area, metric, source, sum, count }: FigureRow): SheetRow {
  return [key, mark, day, area, metric, source, Number(sum), Number(count)];
}
