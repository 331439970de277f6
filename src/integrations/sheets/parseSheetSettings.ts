import { SheetProblem } from "./SheetProblem.ts";

/** A service account of Google, as its key file has it. */
export interface ServiceAccount {
  email: string;
  privateKey: string;
}

export interface SheetTarget {
  spreadsheetId: string;
  /** The name of the tab. */
  sheet: string;
}

const MAXIMUM_SHEET_NAME = 100;

/** Reads `integrations.settings`. @throws SheetProblem with what is missing. */
export function parseSheetSettings(settings: unknown): SheetTarget {
  const { spreadsheetId, sheet } = (settings ?? {}) as Record<string, unknown>;
  if (typeof spreadsheetId !== "string" || !/^[A-Za-z0-9_-]{1,200}$/.test(spreadsheetId)) {
    throw new SheetProblem(
      "The settings lack spreadsheetId, which is the long part of the spreadsheet’s address.",
    );
  }
  if (typeof sheet !== "string" || sheet.length === 0 || sheet.length > MAXIMUM_SHEET_NAME) {
    throw new SheetProblem("The settings lack sheet, which is the name of the tab.");
  }
  return { spreadsheetId, sheet };
}

/**
 * Reads the key file of a service account. Only what signs is taken: its addresses of Google's servers are the tenant's
 * to write, and are not followed.
 *
 * @throws SheetProblem; nothing of the secret is repeated.
 */
export function parseServiceAccount(secret: string): ServiceAccount {
  const { client_email: email, private_key: privateKey } = parseObject(secret);
  if (typeof email !== "string" || typeof privateKey !== "string" || !privateKey.includes("PRIVATE KEY")) {
    throw new SheetProblem("The secret is not the key file (JSON) of a service account of Google.");
  }
  return { email, privateKey };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
