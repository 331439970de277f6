import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface ExistingTable {
  /** Whether each of its rows belongs to an organization, and to one clinic. */
  hasOrganization: boolean;
  hasClinic: boolean;
  /** Columns of its unique keys, as `organization_id, id`. */
  keys: string[];
}

export interface ExistingSchema {
  /** Tables of app_public by their name. */
  tables: Map<string, ExistingTable>;
  /** Everything else of app_public that has a name of its own: views and types. */
  otherNames: Set<string>;
}

const TABLE = /^create table if not exists app_public\.(\w+) \(\n([\s\S]*?)\n\)/gm;
const OTHER = /\bcreate (?:or replace )?(?:view|type) app_public\.(\w+)/g;

/** What the migrations make, committed and open ones, as far as their text says; no database is needed. */
export function readExistingSchema(migrationsFolder: string): ExistingSchema {
  const schema: ExistingSchema = { tables: new Map(), otherNames: new Set() };
  for (const folder of ["committed", "current", "fixtures"]) {
    for (const text of sqlTexts(join(migrationsFolder, folder))) {
      for (const [, name = "", body = ""] of text.matchAll(TABLE)) {
        schema.tables.set(name, {
          hasOrganization: /^ +organization_id uuid not null/m.test(body),
          hasClinic: /^ +clinic_id uuid not null/m.test(body),
          keys: Array.from(body.matchAll(/^ +unique \(([^)]*)\)/gm), ([, columns = ""]) => columns),
        });
      }
      for (const [, name = ""] of text.matchAll(OTHER)) {
        schema.otherNames.add(name);
      }
    }
  }
  return schema;
}

function sqlTexts(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sql"))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
}
