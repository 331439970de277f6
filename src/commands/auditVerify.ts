import type { CommandModule } from "yargs";

import { anchorFileOf, readAnchors } from "../audit/anchors.ts";
import { readPublicKeys, trustedKeys } from "../audit/signingKeys.ts";
import { type AuditReport, verifyAudit, type VerifyOptions } from "../audit/verifyAudit.ts";
import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { auditKeyFolder } from "./auditKeyFolder.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { connectionUrl } from "./url.ts";
import { uuidOption } from "./uuidOption.ts";

interface VerifyArguments {
  organization: string | undefined;
  since: Date | undefined;
  anchor: string[] | undefined;
  exports: string | undefined;
  "root-key": string | undefined;
  json: boolean | undefined;
}

async function verify(given: VerifyArguments): Promise<AuditReport> {
  const config = loadConfig();
  const url = connectionUrl(config, "sealer");
  const options: VerifyOptions = {
    keys: trustedKeys(readPublicKeys(auditKeyFolder(config)), given["root-key"]),
    anchors: concatenate((given.anchor ?? [anchorFileOf(config.audit, url)]).map(readAnchors)),
    ...(given.organization && { organizationId: given.organization }),
    ...(given.exports && { exportFolder: given.exports }),
    ...(given.since && { since: given.since }),
  };
  return withClient(url, async (client) => {
    await client.query("begin isolation level repeatable read read only");
    return verifyAudit(client, options);
  });
}

async function* concatenate<T>(parts: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  for (const part of parts) {
    yield* part;
  }
}

function text({ checkpoints, events, unsealed, tombstones, problem }: AuditReport): string {
  if (problem) {
    const event = problem.eventId ? `\nFirst bad event: ${problem.eventId}` : "";
    const where = problem.tombstone
      ? `Tombstone ${problem.tombstone}`
      : `Checkpoint ${problem.checkpoint ?? "?"}`;
    return `${where}: ${problem.message}${event}\n${checkpoints} checkpoints and ${events} events before it are as they were sealed.`;
  }
  const rest =
    unsealed.count === 0
      ? "Every event is sealed."
      : `${unsealed.count} events are not sealed yet, the oldest of ${unsealed.oldest?.toISOString()}.`;
  const gone = tombstones === 0 ? "" : ` ${tombstones} months were removed on record.`;
  return `${checkpoints} checkpoints and ${events} events are as they were sealed. ${rest}${gone}`;
}

export const auditVerifyCommand: CommandModule<object, VerifyArguments> = {
  command: "verify",
  describe:
    "Compare every event with what was sealed, and the seals with the anchors; names the first that differs (exit status 1).",
  builder: (args) =>
    args
      .option("organization", {
        type: "string",
        coerce: uuidOption("--organization"),
        describe: "Read the events of this organization only (its id).",
      })
      .option("since", {
        type: "string",
        coerce: parseDate,
        describe: "Read the events only of what was sealed since then, for example 2026-11-01.",
      })
      .option("anchor", {
        type: "string",
        array: true,
        describe: "A file of anchors that somebody kept; the configured one when absent.",
      })
      .option("exports", {
        type: "string",
        describe: "A folder: compare the files of the removed months in it with their tombstones, too.",
      })
      .option("root-key", { type: "string", describe: "The id that the first key must have." })
      .option("json", { type: "boolean", describe: "Print one JSON object." }),
  handler: async (given) => {
    const report = await verify(given);
    console.log(given.json ? JSON.stringify(report, null, 2) : text(report));
    process.exitCode = report.problem ? FINDINGS : CLEAN;
  },
};

function parseDate(value: string | undefined): Date | undefined {
  if (value === undefined) {
    return undefined;
  }
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) {
    throw new Error(`--since must be a date such as 2026-11-01; got '${value}'.`);
  }
  return date;
}
