import { sheetTask } from "../integrations/sheets/sheetTask.ts";
import { syncSheet } from "../integrations/sheets/syncSheet.ts";

/** Brings the sheet of an integration up to date. */
export default sheetTask("integration__sync", syncSheet);
