import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { Client } from "pg";
import { pino } from "pino";
import type { CommandModule } from "yargs";

import { PROJECT_ROOT } from "../config.ts";
import { openThrowAwayDatabase } from "../database/throwAway/openThrowAwayDatabase.ts";
import { EXPOSED_SCHEMAS } from "../preset.ts";
import { makeSchemaDocs, type SchemaDocs } from "../schemaDocs/makeSchemaDocs.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";

/** The pages for the database behind a connection. */
export async function schemaDocs(url: string): Promise<SchemaDocs> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await makeSchemaDocs(client, PROJECT_ROOT, EXPOSED_SCHEMAS);
  } finally {
    await client.end();
  }
}

/** Writes the pages that are stale. @returns their paths relative to the project. */
export async function writeSchemaDocs({ pages, stale }: SchemaDocs): Promise<string[]> {
  for (const path of stale) {
    const file = join(PROJECT_ROOT, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, pages.get(path) ?? "");
  }
  return stale;
}

async function docsOfMigrations(): Promise<SchemaDocs> {
  const database = await openThrowAwayDatabase(pino({ level: "silent" }));
  try {
    return await schemaDocs(database.urls.superuser);
  } finally {
    await database.close();
  }
}

export const docsCommand: CommandModule<object, { check: boolean }> = {
  command: "docs",
  describe:
    "Write the generated part of docs/domains: a diagram for each domain, and the list of all tables with their policies.",
  builder: (args) =>
    args.option("check", {
      type: "boolean",
      default: false,
      describe: "Write nothing; say which pages are stale (exit status 1 if any is).",
    }),
  handler: async ({ check }) => {
    const docs = await docsOfMigrations();
    for (const path of check ? docs.stale : await writeSchemaDocs(docs)) {
      console.log(check ? `${path} is stale; run 'npx bailiwick docs'.` : `Wrote ${path}.`);
    }
    docs.problems.forEach((problem) => console.log(problem));
    if (docs.stale.length + docs.problems.length === 0) {
      console.log("docs/domains is up to date.");
    }
    const findings = docs.problems.length + (check ? docs.stale.length : 0);
    process.exitCode = findings > 0 ? FINDINGS : CLEAN;
  },
};
