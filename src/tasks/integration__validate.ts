import { sheetTask } from "../integrations/sheets/sheetTask.ts";
import { validateSheet } from "../integrations/sheets/validateSheet.ts";

/** Compares the sheet of an integration with what is here. */
export default sheetTask("integration__validate", validateSheet);
