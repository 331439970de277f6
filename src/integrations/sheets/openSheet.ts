import type { sheets_v4 } from "@googleapis/sheets";

import type { ServiceAccount, SheetTarget } from "./parseSheetSettings.ts";
import { asSheetProblem, SheetProblem } from "./SheetProblem.ts";

/** One row as it stands in the sheet: its key and mark first, then what people read. */
export type SheetRow = readonly (string | number)[];

export interface OpenSheet {
  /** The key and the mark of each row below the head, in the order of the sheet; a row without a key is a free place. */
  readMarks(): Promise<{ key: string; mark: string }[]>;
  /** Writes rows at these places, counted from 0 below the head; makes the sheet longer where it is too short. */
  write(rows: readonly { place: number; row: SheetRow }[]): Promise<void>;
  /** Empties these places. */
  clear(places: readonly number[]): Promise<void>;
}

export interface SheetAccess {
  target: SheetTarget;
  account: ServiceAccount;
  /** In place of Google's own address. */
  apiUrl: string | null;
  signal: AbortSignal;
}

const SCOPE = "https://www.googleapis.com/auth/spreadsheets";
/** Milliseconds for one request. */
const TIMEOUT = 30_000;
const HEAD = ["key", "changed", "day", "area", "metric", "source", "sum", "count"];
const LAST_COLUMN = "H";
/** The head is row 1 of the sheet. */
const FIRST_ROW = 2;

/**
 * Opens one tab of a spreadsheet with Google's own client, and writes the head into a tab that is empty.
 *
 * @throws SheetProblem, as every function of what it returns: what Google said stays behind.
 */
export async function openSheet(access: SheetAccess): Promise<OpenSheet> {
  return withProblems(async () => {
    const { spreadsheets } = await connect(access);
    const { spreadsheetId, sheet } = access.target;
    const { data } = await spreadsheets.get({ spreadsheetId, fields: "sheets.properties" });
    const properties = data.sheets?.find(({ properties: { title } = {} }) => title === sheet)?.properties;
    if (!properties) {
      throw new SheetProblem("The spreadsheet has no sheet of that name.");
    }
    const name = `'${sheet.replaceAll("'", "''")}'`;
    const range = (firstRow: number, lastRow: number) => `${name}!A${firstRow}:${LAST_COLUMN}${lastRow}`;
    const { values } = spreadsheets;
    const { data: top } = await values.get({ spreadsheetId, range: range(1, 1) });
    if (isEmpty(top.values?.[0])) {
      await values.update({
        spreadsheetId,
        range: range(1, 1),
        valueInputOption: "RAW",
        requestBody: { values: [HEAD] },
      });
    }
    const tab = { id: properties.sheetId ?? 0, rows: properties.gridProperties?.rowCount ?? 0 };
    return {
      readMarks: () =>
        withProblems(async () => {
          const answer = await values.get({ spreadsheetId, range: `${name}!A${FIRST_ROW}:B` });
          return (answer.data.values ?? []).map(([key = "", mark = ""]) => ({
            key: String(key),
            mark: String(mark),
          }));
        }),
      write: (rows) =>
        withProblems(async () => {
          await lengthen(
            spreadsheets,
            spreadsheetId,
            tab,
            Math.max(...rows.map(({ place }) => place)) + FIRST_ROW,
          );
          const data = rows.map(({ place, row }) => ({
            range: range(place + FIRST_ROW, place + FIRST_ROW),
            values: [[...row]],
          }));
          await values.batchUpdate({ spreadsheetId, requestBody: { valueInputOption: "RAW", data } });
        }),
      clear: (places) =>
        withProblems(async () => {
          const ranges = places.map((place) => range(place + FIRST_ROW, place + FIRST_ROW));
          await values.batchClear({ spreadsheetId, requestBody: { ranges } });
        }),
    };
  });
}

/** Loaded here and not before: whoever syncs no sheet need not wait for Google's client at every start. */
async function connect({ account, apiUrl, signal }: SheetAccess): Promise<sheets_v4.Sheets> {
  const [{ sheets }, { JWT }] = await Promise.all([
    import("@googleapis/sheets"),
    import("google-auth-library"),
  ]);
  const auth = new JWT({ email: account.email, key: account.privateKey, scopes: [SCOPE] });
  if (apiUrl !== null) {
    // The client's address for tokens is fixed; the installation's own goes by the same path.
    auth.transporter.interceptors.request.add({
      resolved: async (request) => {
        const { pathname, search } = new URL(String(request.url));
        return { ...request, url: new URL(new URL(apiUrl).origin + pathname + search) };
      },
    });
  }
  auth.transporter.defaults = { ...auth.transporter.defaults, timeout: TIMEOUT, signal, retry: false };
  return sheets({ version: "v4", auth, retry: false, timeout: TIMEOUT, signal });
}

/** True for an empty tab. @throws SheetProblem where something else stands: it is not written over. */
function isEmpty(head: readonly unknown[] = []): boolean {
  if (head.length === 0) {
    return true;
  }
  if (HEAD.some((title, index) => head[index] !== title)) {
    throw new SheetProblem("The sheet holds something else: name an empty one.");
  }
  return false;
}

async function lengthen(
  spreadsheets: sheets_v4.Resource$Spreadsheets,
  spreadsheetId: string,
  tab: { id: number; rows: number },
  needed: number,
): Promise<void> {
  if (needed <= tab.rows) {
    return;
  }
  const length = needed - tab.rows;
  await spreadsheets.batchUpdate({
    spreadsheetId,
    requestBody: { requests: [{ appendDimension: { sheetId: tab.id, dimension: "ROWS", length } }] },
  });
  tab.rows = needed;
}

async function withProblems<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asSheetProblem(error);
  }
}
