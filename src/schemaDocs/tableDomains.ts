import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A fixture is about the tables whose access it resets and the views that it makes. */
const SUBJECTS =
  /^(?:select app_private\.(?:reset_access|close_vault)\('|create or replace view )(app_\w+\.\w+)/gm;

/** The domain of each table and view, by qualified name: the folder of the fixture that is about it. */
export function tableDomains(fixturesFolder: string): Map<string, string> {
  const domains = new Map<string, string>();
  const folders = readdirSync(fixturesFolder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name: domain } of folders) {
    const folder = join(fixturesFolder, domain);
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".sql"))) {
      for (const [, table = ""] of readFileSync(join(folder, file), "utf8").matchAll(SUBJECTS)) {
        domains.set(table, domain);
      }
    }
  }
  return domains;
}
