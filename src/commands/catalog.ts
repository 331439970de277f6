import { readFile, writeFile } from "node:fs/promises";

import { Client } from "pg";
import { pino } from "pino";
import type { CommandModule } from "yargs";

import { catalogSnapshot, describeCatalogDrift } from "../database/catalogSnapshot.ts";
import { CATALOG_FILE } from "../database/migrationsFolder.ts";
import { openThrowAwayDatabase } from "../database/throwAway/openThrowAwayDatabase.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";

/** The snapshot of what the repository's migrations make, on a database that is there for this alone. */
async function snapshotOfMigrations(): Promise<string> {
  const database = await openThrowAwayDatabase(pino({ level: "silent" }));
  try {
    const client = new Client({ connectionString: database.urls.superuser });
    await client.connect();
    try {
      return await catalogSnapshot(client);
    } finally {
      await client.end();
    }
  } finally {
    await database.close();
  }
}

const exportCommand: CommandModule = {
  command: "export",
  describe: "Write migrations/catalog.txt anew from the migrations, the open one included.",
  handler: async () => {
    await writeFile(CATALOG_FILE, await snapshotOfMigrations());
    console.log(`Wrote ${CATALOG_FILE}.`);
  },
};

const checkCommand: CommandModule = {
  command: "check",
  describe: "Compare migrations/catalog.txt with what the migrations make; exit status 1 if they differ.",
  handler: async () => {
    const drift = describeCatalogDrift(await readFile(CATALOG_FILE, "utf8"), await snapshotOfMigrations());
    if (drift === undefined) {
      console.log("migrations/catalog.txt is up to date.");
    } else {
      console.log(`migrations/catalog.txt is stale; run 'npx bailiwick catalog export'.\n${drift}`);
    }
    process.exitCode = drift === undefined ? CLEAN : FINDINGS;
  },
};

export const catalogCommand: CommandModule = {
  command: "catalog [action]",
  describe:
    "Keep migrations/catalog.txt, the reviewable text of the database's schema, in step with the migrations.",
  builder: (args) =>
    args.command(exportCommand).command(checkCommand).demandCommand(1, "Say what to do: export or check."),
  handler: () => undefined,
};
