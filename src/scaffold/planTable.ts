import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { demoRows } from "./demoRows.ts";
import { readExistingSchema } from "./existingTables.ts";
import { fixtureSql } from "./fixtureSql.ts";
import { matrixPart, worldRows } from "./matrixPart.ts";
import { migrationSql } from "./migrationSql.ts";
import { parseNewTable, type TableRequest } from "./newTable.ts";
import { camelCase } from "./wording.ts";

/** A file of the project that is to be written. */
export interface PlannedFile {
  /** Relative to the project. */
  path: string;
  text: string;
}

/** Files of migrations/current are numbered in tens, so that one fits between two. */
const NUMBER_STEP = 10;
const LAST_NUMBER = 999;

/**
 * Everything that makes a new table: migration, fixture, its part of the matrix of access (which tests each command as each
 * kind of person), and a row of demo data. Nothing is written.
 *
 * @param projectRoot absolute path of the checkout.
 * @throws with sentences that say what is wrong with the request and what would be right.
 */
export async function planTable(projectRoot: string, request: TableRequest): Promise<PlannedFile[]> {
  const migrations = join(projectRoot, "migrations");
  const table = parseNewTable(request, readExistingSchema(migrations));
  const { domain, name } = table;
  const files: PlannedFile[] = [
    {
      path: `migrations/current/${nextNumber(join(migrations, "current"))}-${name.replaceAll("_", "-")}.sql`,
      text: migrationSql(table),
    },
    { path: `migrations/fixtures/${domain}/${name}.sql`, text: fixtureSql(table) },
    {
      path: `test/schema/access/matrix/tables/${camelCase(name)}.ts`,
      text: await formatted(matrixPart(table)),
    },
    { path: `src/access/world/tables/${camelCase(name)}.ts`, text: await formatted(worldRows(table)) },
    { path: `src/seed/tables/${camelCase(name)}.ts`, text: await formatted(demoRows(table)) },
  ];
  const taken = files.filter(({ path }) => existsSync(join(projectRoot, path)));
  if (taken.length > 0) {
    throw new Error(`There is a file ${taken.map(({ path }) => path).join(" and ")} already.`);
  }
  return files;
}

function nextNumber(currentFolder: string): string {
  const numbers = readdirSync(currentFolder).map((file) => Number.parseInt(file, 10) || 0);
  const next = (Math.floor(Math.max(0, ...numbers) / NUMBER_STEP) + 1) * NUMBER_STEP;
  if (next > LAST_NUMBER) {
    throw new Error("migrations/current has no number left below 1000: commit the open migration first.");
  }
  return String(next).padStart(3, "0");
}

/** As `npm run format` leaves it. Loaded when needed: it is a tool of developers, and slow to load. */
async function formatted(source: string): Promise<string> {
  const { format } = await import("prettier");
  return format(source, { parser: "typescript", printWidth: 110 });
}
