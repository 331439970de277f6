import type { CommandModule } from "yargs";

import { anchorOf } from "../audit/anchors.ts";
import { lastCheckpoint } from "../audit/sealEvents.ts";
import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { connectionUrl } from "./url.ts";

export const auditAnchorCommand: CommandModule<object, { json: boolean | undefined }> = {
  command: "anchor",
  describe: "Print the newest anchor, for a second party to keep: on paper, in an e-mail, in a repository.",
  builder: (args) =>
    args.option("json", {
      type: "boolean",
      describe: "Print the line of the anchor file, for 'audit verify --anchor'.",
    }),
  handler: async ({ json }) => {
    const checkpoint = await withClient(connectionUrl(loadConfig(), "sealer"), lastCheckpoint);
    if (checkpoint === null) {
      throw new Error("Nothing is sealed yet.");
    }
    const anchor = anchorOf(checkpoint);
    const sealedAt = new Date(Number(BigInt(anchor.sealedAt) / 1000n)).toISOString();
    const lines = [
      `checkpoint  ${anchor.sequence}`,
      `sealed at   ${sealedAt}`,
      `hash        ${anchor.hash}`,
      `key         ${anchor.keyId}`,
      `signature   ${anchor.signature}`,
    ];
    console.log(json ? JSON.stringify(anchor) : lines.join("\n"));
  },
};
