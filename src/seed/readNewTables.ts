import { globSync } from "node:fs";
import { join } from "node:path";

import type { DemoRows } from "./demoClinics.ts";

const FOLDER = join(import.meta.dirname, "tables");

/** The rows that `bailiwick new table` has made, table after table, for `app_data`; they refer to none of each other. */
export async function readNewTables(): Promise<DemoRows> {
  const tables: Record<string, DemoRows[string]> = {};
  for (const file of globSync("*.ts", { cwd: FOLDER }).sort()) {
    const module = (await import(join(FOLDER, file))) as { ROWS: DemoRows };
    Object.assign(tables, module.ROWS);
  }
  return tables;
}
