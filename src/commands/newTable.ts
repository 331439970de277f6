import { writeFile } from "node:fs/promises";

import { Client } from "pg";
import { pino } from "pino";
import type { CommandModule } from "yargs";

import { runMatrix } from "../access/matrix/probeMatrix.ts";
import { openWorldDatabase } from "../access/world/openWorldDatabase.ts";
import { PROJECT_ROOT } from "../config.ts";
import { catalogSnapshot } from "../database/catalogSnapshot.ts";
import type { DatabaseUrls } from "../database/databaseUrls.ts";
import { CATALOG_FILE } from "../database/migrationsFolder.ts";
import { COLUMN_TYPES } from "../scaffold/columnTypes.ts";
import { type Scope, SCOPES, type TableRequest } from "../scaffold/newTable.ts";
import { planTable } from "../scaffold/planTable.ts";
import { writeFiles } from "../scaffold/writeFiles.ts";
import { formattedPage, MATRIX_FILE } from "./accessMatrix.ts";
import { schemaDocs, writeSchemaDocs } from "./docs.ts";
import { makeProgressBar, type ProgressBar } from "./progressBar.ts";
import { printApi, SCHEMA_FILE } from "./schema.ts";

interface Progress {
  /** Told what is being done, in a few words. */
  onStep(step: string): void;
  /** Of the longest step. */
  onProgress(done: number, total: number): void;
}

/** What is generated from the schema, for the migrations as they stand now. Written only when all of it could be made. */
async function regenerate({ onStep, onProgress }: Progress): Promise<string[]> {
  onStep("Running all migrations in a throw-away Postgres");
  const database = await openWorldDatabase(pino({ level: "silent" }));
  try {
    onStep("Trying every command on every table as every kind of person");
    const matrix = await runMatrix(database.open, database.world, { onProgress });
    if (matrix.gaps.length > 0) {
      throw new Error(`The matrix of access has gaps:\n${matrix.gaps.join("\n")}`);
    }
    onStep("Generating the catalogue, the API and the documentation");
    const catalog = await snapshot(database.urls);
    const api = await printApi(database.urls.gateway);
    const docs = await schemaDocs(database.urls.superuser);
    await writeFile(CATALOG_FILE, catalog);
    await writeFile(SCHEMA_FILE, api);
    await writeFile(MATRIX_FILE, await formattedPage(matrix));
    const pages = await writeSchemaDocs(docs);
    return ["migrations/catalog.txt", "schema.graphql", "docs/access-matrix.md", ...pages];
  } finally {
    await database.close();
  }
}

async function snapshot(urls: DatabaseUrls): Promise<string> {
  const client = new Client({ connectionString: urls.superuser });
  await client.connect();
  try {
    return await catalogSnapshot(client);
  } finally {
    await client.end();
  }
}

/**
 * Makes a table in this checkout: its migration, fixture, part of the matrix of access and demo row, and everything that is
 * generated from the schema anew. The checkout is as it was if the table cannot be made.
 *
 * @returns the paths of the files that were written, relative to the project.
 */
export async function newTable(request: TableRequest, progress: Progress): Promise<string[]> {
  const files = await planTable(PROJECT_ROOT, request);
  const generated = await writeFiles(PROJECT_ROOT, files, () => regenerate(progress));
  return [...files.map(({ path }) => path), ...generated];
}

interface NewTableArguments {
  path: string;
  scope: Scope;
  column: string[];
}

function closingWords(written: string[]): string {
  return `Wrote
${written.map((file) => `  ${file}`).join("\n")}
Every check passes as it is. Say in the fixture what the table and its columns mean, and who may do what.
A running 'npm run watch' has the table now, and its demo row after 'npx bailiwick seed'. Once the table is there, its
'create table if not exists' does nothing any more: add columns below it, by 'alter table … add column if not exists'.`;
}

const tableCommand: CommandModule<object, NewTableArguments> = {
  command: "table <path>",
  describe:
    "Make a table with its tenant keys, indexes, row security, grants, audit, descriptions, tests of access and a demo row.",
  builder: (args) =>
    args
      .positional("path", {
        type: "string",
        demandOption: true,
        describe: "<domain>/<name>: the folder of its fixture, and its name in the plural.",
      })
      .option("scope", {
        choices: SCOPES,
        default: "clinic" as const,
        describe:
          "Whose its rows are: a clinic's, whose staff writes, or an organization's, whose admins do.",
      })
      .option("column", {
        type: "string",
        array: true,
        default: [],
        describe:
          "name:type or name:type:optional, once for each column. The type is a table to refer to, or one of " +
          `${Object.keys(COLUMN_TYPES).join(", ")}.`,
      })
      .example(
        "$0 new table clinical/allergies --column patient_id:patients --column substance:text --column noted_on:date:optional",
        "makes app_public.allergies, of a clinic",
      ),
  handler: async ({ path, scope, column }) => {
    // Made when it is needed: what is printed after it has begun would break it.
    let bar: ProgressBar | undefined;
    const onProgress = (done: number, total: number) => {
      bar ??= makeProgressBar();
      bar.update(done / total, `${done} of ${total} have tried`);
      if (done === total) {
        bar.stop();
      }
    };
    const onStep = (step: string) => console.log(`${step} …`);
    try {
      const written = await newTable({ path, scope, columns: column }, { onStep, onProgress });
      console.log(closingWords(written));
    } finally {
      bar?.stop();
    }
  },
};

export const newCommand: CommandModule = {
  command: "new [what]",
  describe: "Make the files for something new, complete and passing every check.",
  builder: (args) => args.command(tableCommand).demandCommand(1, "Say what is new: table."),
  handler: () => undefined,
};
