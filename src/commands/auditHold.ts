import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { FINDINGS } from "./exitCodes.ts";
import { connectionUrl } from "./url.ts";
import { readUuid } from "./uuidOption.ts";

interface HoldArguments {
  organization: string;
  reason: string;
}

const MAXIMUM_REASON = 500;

export const auditHoldCommand: CommandModule<object, HoldArguments> = {
  command: "hold <organization>",
  describe: "Put a legal hold on an organization: none of its events is removed until it is released.",
  builder: (args) =>
    args
      .positional("organization", {
        type: "string",
        demandOption: true,
        coerce: (value: string) => readUuid("organization", value),
        describe: "The organization's id.",
      })
      .option("reason", {
        type: "string",
        demandOption: true,
        coerce: readReason,
        describe: "Why, in a sentence for whoever reads it years later; no patient's name.",
      })
      .example('$0 audit hold ID --reason "Case 12/345"', "prints the id of the hold, for `audit release`"),
  handler: async ({ organization, reason }) => {
    const id = await withClient(connectionUrl(loadConfig(), "owner"), async (client) => {
      const { rows } = await client.query<{ id: string | null }>(
        "select app_audit.hold_events($1, $2) as id",
        [organization, reason],
      );
      return rows[0]?.id ?? null;
    });
    if (id === null) {
      console.error(`There is no organization '${organization}'.`);
      process.exitCode = FINDINGS;
      return;
    }
    console.log(id);
  },
};

function readReason(value: string): string {
  const reason = value.trim();
  if (reason === "" || reason.length > MAXIMUM_REASON) {
    throw new Error(`--reason must have from 1 to ${MAXIMUM_REASON} characters; got ${reason.length}.`);
  }
  return reason;
}
