import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { FINDINGS } from "./exitCodes.ts";
import { wholeNumberOption } from "./numberOption.ts";
import { connectionUrl } from "./url.ts";
import { readUuid } from "./uuidOption.ts";

interface KeepArguments {
  organization: string;
  years: number;
  jurisdiction: string;
}

/** As the constraint `retention_policies_keep_six_years` has them. */
const LEAST = 6;
const MOST = 100;

export const auditKeepCommand: CommandModule<object, KeepArguments> = {
  command: "keep <organization>",
  describe: "Say for how many years an organization's events are kept: six, where nothing is said.",
  builder: (args) =>
    args
      .positional("organization", {
        type: "string",
        demandOption: true,
        coerce: (value: string) => readUuid("organization", value),
        describe: "The organization's id.",
      })
      .option("years", {
        ...wholeNumberOption("--years", { least: LEAST, most: MOST }, `From ${LEAST} to ${MOST}.`),
        demandOption: true,
      })
      .option("jurisdiction", {
        type: "string",
        demandOption: true,
        coerce: readJurisdiction,
        describe: "Whose law says so, such as US-NY or ON.",
      })
      .example("$0 audit keep ID --years 10 --jurisdiction ON", "keeps ten years, as Ontario asks"),
  handler: async ({ organization, years, jurisdiction }) => {
    const isKept = await withClient(connectionUrl(loadConfig(), "owner"), async (client) => {
      const { rows } = await client.query<{ done: boolean }>(
        "select app_audit.keep_events($1, $2, $3) as done",
        [organization, jurisdiction, years],
      );
      return rows[0]?.done === true;
    });
    if (!isKept) {
      console.error(`There is no organization '${organization}'.`);
      process.exitCode = FINDINGS;
      return;
    }
    console.log(`The events of ${organization} are kept for ${years} years (${jurisdiction}).`);
  },
};

function readJurisdiction(value: string): string {
  if (!/^[A-Za-z][A-Za-z0-9-]{0,19}$/.test(value)) {
    throw new Error(`--jurisdiction must be a short name of letters, digits and dashes; got '${value}'.`);
  }
  return value;
}
