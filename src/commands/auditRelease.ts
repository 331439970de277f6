import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { FINDINGS } from "./exitCodes.ts";
import { connectionUrl } from "./url.ts";
import { readUuid } from "./uuidOption.ts";

export const auditReleaseCommand: CommandModule<object, { hold: string }> = {
  command: "release <hold>",
  describe:
    "End a legal hold; it stays on record. What is old enough then goes with the next `audit retain`.",
  builder: (args) =>
    args
      .positional("hold", {
        type: "string",
        demandOption: true,
        coerce: (value: string) => readUuid("hold", value),
        describe: "The hold's id, as `audit hold` and `audit holds` print it.",
      })
      .example("$0 audit release ID", "ends one hold; others of the same organization stand"),
  handler: async ({ hold }) => {
    const isReleased = await withClient(connectionUrl(loadConfig(), "owner"), async (client) => {
      const { rows } = await client.query<{ done: boolean }>("select app_audit.release_events($1) as done", [
        hold,
      ]);
      return rows[0]?.done === true;
    });
    if (!isReleased) {
      console.error(`There is no hold '${hold}' that stands.`);
      process.exitCode = FINDINGS;
      return;
    }
    console.log(`${hold} is released.`);
  },
};
