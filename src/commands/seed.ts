import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { openMigratedDatabase } from "../database/openMigratedDatabase.ts";
import { makeLogger } from "../logging.ts";
import { DEMO_PASSWORD, DEMO_PEOPLE } from "../seed/demoPeople.ts";
import { DEMO_QUERIES } from "../seed/demoQueries.ts";
import { seedDatabase, type SeedReport } from "../seed/seedDatabase.ts";

async function seed(): Promise<SeedReport> {
  const config = loadConfig();
  const database = await openMigratedDatabase(config, makeLogger(config));
  try {
    return await seedDatabase(database);
  } finally {
    await database.close();
  }
}

function formatSeed(report: SeedReport): string {
  const written = Object.entries(report).filter(([, count]) => count > 0);
  return [
    written.length === 0
      ? "The demo data are there already; nothing changed."
      : `Demo data: ${written.map(([table, count]) => `${count} ${table.replaceAll("_", " ")}`).join(", ")}.`,
    "",
    ...Object.values(DEMO_PEOPLE).map(({ email, is }) => `  ${email.padEnd(20)} ${is}`),
    "",
    `Everybody's password is '${DEMO_PASSWORD}'; 'npx bailiwick token PERSON' signs in without it.`,
    "",
    "To paste into the explorer:",
    ...DEMO_QUERIES.map(({ title, query }) => `\n# ${title}\n${query}`),
  ].join("\n");
}

export const seedCommand: CommandModule<object, { json: boolean }> = {
  command: "seed",
  describe:
    "Put the demo people, clinics and patients into a development database; a second time changes nothing.",
  builder: (args) =>
    args.option("json", {
      type: "boolean",
      default: false,
      describe: "Print the number of new rows per table as JSON.",
    }),
  handler: async ({ json }) => {
    const report = await seed();
    console.log(json ? JSON.stringify(report) : formatSeed(report));
  },
};
