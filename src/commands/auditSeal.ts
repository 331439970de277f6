import pg from "pg";
import type { CommandModule } from "yargs";

import { anchorFileOf } from "../audit/anchors.ts";
import { beginTimeline } from "../audit/beginTimeline.ts";
import { readSigningKey } from "../audit/signingKeys.ts";
import { ANCHORS_REWRITTEN, sealAll } from "../audit/startSealer.ts";
import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { auditKeyFolder } from "./auditKeyFolder.ts";
import { connectionUrl } from "./url.ts";

interface SealArguments {
  "new-timeline": boolean;
}

export const auditSealCommand: CommandModule<object, SealArguments> = {
  command: "seal",
  describe: "Seal and anchor what has come on record since the last seal; the worker does so by itself.",
  builder: (args) =>
    args.option("new-timeline", {
      type: "boolean",
      default: false,
      describe:
        "After a restore into another cluster, or an upgrade: end the old cluster's transaction ids first. Verify before.",
    }),
  handler: async ({ "new-timeline": isNewTimeline }) => {
    const config = loadConfig();
    const folder = auditKeyFolder(config);
    const key = readSigningKey(folder);
    if (key === null) {
      throw new Error(`${folder} has no key yet: make one with 'npx bailiwick audit rotate-key'.`);
    }
    if (isNewTimeline) {
      const timeline = await withClient(connectionUrl(config, "owner"), beginTimeline);
      console.log(`Timeline ${timeline} begins.`);
    }
    const url = connectionUrl(config, "sealer");
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    try {
      const { checkpoints: count, rewritten } = await sealAll(pool, key, anchorFileOf(config.audit, url));
      console.log(
        count === 0 ? "Nothing new to seal." : `Made ${count} checkpoint${count === 1 ? "" : "s"}.`,
      );
      if (rewritten > 0) {
        console.error(`${ANCHORS_REWRITTEN}.`);
      }
    } finally {
      await pool.end();
    }
  },
};
