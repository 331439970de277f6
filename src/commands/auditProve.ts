import type { CommandModule } from "yargs";

import { proveEvent } from "../audit/proveEvent.ts";
import { readPublicKeys } from "../audit/signingKeys.ts";
import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { auditKeyFolder } from "./auditKeyFolder.ts";
import { connectionUrl } from "./url.ts";
import { readUuid } from "./uuidOption.ts";

export const auditProveCommand: CommandModule<object, { event: string }> = {
  command: "prove <event>",
  describe:
    "Print a proof that an event is as it was sealed; scripts/verifyProof.mjs checks it without the database.",
  builder: (args) =>
    args
      .positional("event", {
        type: "string",
        coerce: (value: string) => readUuid("The event", value),
        demandOption: true,
        describe: "The event’s id, as `audit tail` prints it.",
      })
      .example(
        "$0 audit prove 0190… > proof.json && node scripts/verifyProof.mjs proof.json",
        "makes and checks one",
      ),
  handler: async ({ event }) => {
    const config = loadConfig();
    const keys = readPublicKeys(auditKeyFolder(config));
    const proof = await withClient(connectionUrl(config, "sealer"), (client) =>
      proveEvent(client, event, keys),
    );
    console.log(JSON.stringify(proof, null, 2));
  },
};
