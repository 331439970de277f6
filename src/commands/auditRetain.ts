import type { CommandModule } from "yargs";

import { type OldMonth, readOldMonths } from "../audit/retainEvents.ts";
import { readSigningKey } from "../audit/signingKeys.ts";
import { retainOnce } from "../audit/startRetention.ts";
import type { SignedTombstone } from "../audit/tombstones.ts";
import { type Config, loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { auditKeyFolder } from "./auditKeyFolder.ts";
import { connectionUrl } from "./url.ts";

interface RetainArguments {
  list: boolean;
  json: boolean | undefined;
}

function remove(config: Config, url: string): Promise<SignedTombstone[]> {
  const keyFolder = auditKeyFolder(config);
  if (readSigningKey(keyFolder) === null) {
    throw new Error(`${keyFolder} has no key: nothing can be removed without a signed tombstone.`);
  }
  if (config.audit.exportFolder === null) {
    throw new Error("AUDIT_EXPORT_FOLDER is not set: it takes the events that are removed.");
  }
  return retainOnce(config.audit, url);
}

function describeMonth({ from, keepUntil, isHeld }: OldMonth): string {
  const why = isHeld
    ? "a legal hold stands"
    : keepUntil > new Date()
      ? `kept until ${keepUntil.toISOString().slice(0, 10)}`
      : "may be removed";
  return `${from.toISOString().slice(0, 7)}  ${why}`;
}

function describeTombstone({ coversFrom, eventCount, fileName, fileHash }: SignedTombstone): string {
  const month = new Date(Number(coversFrom) / 1000).toISOString().slice(0, 7);
  return `${month}  ${eventCount} events are in ${fileName} (SHA-256 ${fileHash}).`;
}

export const auditRetainCommand: CommandModule<object, RetainArguments> = {
  command: "retain",
  describe:
    "Verify the audit, then export and remove the months that have been kept for long enough; the worker does so by itself.",
  builder: (args) =>
    args
      .option("list", {
        type: "boolean",
        default: false,
        describe: "Only say which months are older than six years, and what still keeps them.",
      })
      .option("json", { type: "boolean", describe: "Print one JSON array." }),
  handler: async ({ list, json }) => {
    const config = loadConfig();
    const url = connectionUrl(config, "sealer");
    const found = list ? await withClient(url, readOldMonths) : await remove(config, url);
    const lines = list
      ? (found as OldMonth[]).map(describeMonth)
      : (found as SignedTombstone[]).map(describeTombstone);
    const none = list ? "No month is older than six years." : "Nothing is to be removed.";
    console.log(json ? JSON.stringify(found, null, 2) : lines.join("\n") || none);
  },
};
