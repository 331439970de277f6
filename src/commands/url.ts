import type { CommandModule } from "yargs";

import { type Config, loadConfig } from "../config.ts";
import type { DatabaseUrls } from "../database/databaseUrls.ts";
import { findDatabase } from "../database/openDatabase.ts";

const ROLES = [
  "superuser",
  "owner",
  "data",
  "gateway",
  "worker",
  "backup",
  "sealer",
  "recorder",
  "shadow",
  "root",
] as const satisfies (keyof DatabaseUrls)[];

type UrlRole = (typeof ROLES)[number];

/** The connection string of one role; throws when the embedded server does not run. */
export function connectionUrl(config: Config, role: UrlRole): string {
  const database = findDatabase(config);
  if (database === null) {
    throw new Error("The embedded Postgres does not run: start it with 'npm start', or set DATABASE_URL.");
  }
  return database.urls[role];
}

export const urlCommand: CommandModule<object, { role: UrlRole }> = {
  command: "url [role]",
  describe: "Print a role's connection string, and nothing else, on stdout.",
  builder: (args) =>
    args
      .positional("role", {
        choices: ROLES,
        default: "superuser" as const,
        describe: "Whose connection: `owner` changes the schema, `gateway` may do nothing by itself.",
      })
      .example('psql "$($0 url owner)"', "opens a session that may change the schema"),
  handler: ({ role }) => {
    console.log(connectionUrl(loadConfig(), role));
  },
};
