import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { readExistingSchema } from "./existingTables.ts";
import { fixtureSql } from "./fixtureSql.ts";
import { migrationSql } from "./migrationSql.ts";
import { parseNewTable, type TableRequest } from "./newTable.ts";
import { testFile } from "./testFile.ts";

/** A file of the project that is to be written. */
export interface PlannedFile {
  /** Relative to the project. */
  path: string;
  text: string;
}

/** Files of migrations/current are numbered in tens, so that one fits between two. */
const NUMBER_STEP = 10;
const LAST_NUMBER = 999;
const MATRIX = "test/schema/access/matrix.ts";
const MATRIX_TABLES = /(export const VISIBLE\b[^=]*= \{\n(?:.*\n)*?)(\};)/;

/**
 * Everything that makes a new table: migration, fixture, tests, and its line in the matrix of access. Nothing is written.
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
    { path: `test/schema/${domain}/${camelCase(name)}.test.ts`, text: await formatted(testFile(table)) },
  ];
  const taken = files.filter(({ path }) => existsSync(join(projectRoot, path)));
  if (taken.length > 0) {
    throw new Error(`There is a file ${taken.map(({ path }) => path).join(" and ")} already.`);
  }
  return [...files, ...matrixLine(projectRoot, name)];
}

function nextNumber(currentFolder: string): string {
  const numbers = readdirSync(currentFolder).map((file) => Number.parseInt(file, 10) || 0);
  const next = (Math.floor(Math.max(0, ...numbers) / NUMBER_STEP) + 1) * NUMBER_STEP;
  if (next > LAST_NUMBER) {
    throw new Error("migrations/current has no number left below 1000: commit the open migration first.");
  }
  return String(next).padStart(3, "0");
}

const camelCase = (name: string) =>
  name.replaceAll(/_(.)/g, (_match, letter: string) => letter.toUpperCase());

/** The world of the tests has no row of a new table, so nobody sees one. */
function matrixLine(projectRoot: string, name: string): PlannedFile[] {
  const file = join(projectRoot, MATRIX);
  if (!existsSync(file)) {
    return [];
  }
  const text = readFileSync(file, "utf8");
  if (!MATRIX_TABLES.test(text)) {
    throw new Error(`${MATRIX} has no list 'VISIBLE' that the table could be added to.`);
  }
  return [{ path: MATRIX, text: text.replace(MATRIX_TABLES, `$1  ${name}: row(),\n$2`) }];
}

/** As `npm run format` leaves it. Loaded when needed: it is a tool of developers, and slow to load. */
async function formatted(source: string): Promise<string> {
  const { format } = await import("prettier");
  return format(source, { parser: "typescript", printWidth: 110 });
}
