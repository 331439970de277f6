import { readRows } from "./readRows.ts";
import { type Run, type RunEnd, type RunParts, runSheet } from "./runSheet.ts";

const PAGE = 5000;

/**
 * Compares the sheet with what is here, as far as it has been synced: every row is there, with the mark of its last
 * change, and none besides. What does not agree is the run's failure, and the next sync writes everything anew.
 *
 * @returns and @throws as runSheet.
 */
export function validateSheet(integrationId: string, parts: RunParts): Promise<boolean> {
  return runSheet(integrationId, "validation", parts, (run) => validate(run, parts));
}

async function validate(run: Run, parts: RunParts): Promise<RunEnd> {
  const outside = new Map<string, string>();
  let twice = 0;
  for (const { key, mark } of await run.sheet.readMarks()) {
    if (key !== "") {
      twice += Number(outside.has(key));
      outside.set(key, mark);
    }
  }
  let rowsRead = 0;
  let missing = 0;
  let different = 0;
  for await (const page of readRows(run.integrationId, { at: null, id: null }, PAGE, parts)) {
    for (const { key, mark } of page) {
      const isSynced = run.cursorAt !== null && mark <= run.cursorAt;
      const found = outside.get(key);
      outside.delete(key);
      if (isSynced) {
        rowsRead += 1;
        missing += Number(found === undefined);
        different += Number(found !== undefined && found !== mark);
      }
    }
  }
  const besides = outside.size + twice;
  if (missing + different + besides === 0) {
    return { rowsRead, failure: null };
  }
  const failure = `The sheet does not agree: ${missing} rows are missing, ${different} differ, ${besides} do not belong. The next sync writes it anew.`;
  return { rowsRead, failure, startsOver: true };
}
