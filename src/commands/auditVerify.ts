import { statSync } from "node:fs";

import type { CommandModule } from "yargs";

import { anchorFileOf, anchorsOfFiles } from "../audit/anchors.ts";
import { readPublicKeys, trustedKeys } from "../audit/signingKeys.ts";
import { type AuditReport, verifyAudit, type VerifyOptions } from "../audit/verifyAudit.ts";
import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { type EvidenceArguments, evidenceOptions } from "./auditEvidence.ts";
import { auditKeyFolder } from "./auditKeyFolder.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { connectionUrl } from "./url.ts";
import { uuidOption } from "./uuidOption.ts";

interface VerifyArguments extends EvidenceArguments {
  organization: string | undefined;
  since: Date | undefined;
  exports: string | undefined;
  json: boolean | undefined;
}

interface Verification {
  report: AuditReport;
  /** What it was compared with, for a person. */
  anchorFiles: string[];
}

async function verify(given: VerifyArguments): Promise<Verification> {
  const config = loadConfig();
  const url = connectionUrl(config, "sealer");
  const anchorFiles = given.anchor ?? [anchorFileOf(config.audit, url)];
  const options: VerifyOptions = {
    keys: trustedKeys(readPublicKeys(auditKeyFolder(config)), given["root-key"]),
    anchors: anchorsOfFiles(anchorFiles),
    ...(given.organization && { organizationId: given.organization }),
    ...(given.exports && { exportFolder: given.exports }),
    ...(given.since && { since: given.since }),
  };
  const report = await withClient(url, async (client) => {
    await client.query("begin isolation level repeatable read read only");
    return verifyAudit(client, options);
  });
  return { report, anchorFiles };
}

function readFolder(folder: string | undefined): string | undefined {
  if (folder !== undefined && !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`--exports must name a folder; there is none at '${folder}'.`);
  }
  return folder;
}

function text({ report, anchorFiles }: Verification): string {
  const { checkpoints, events, problem } = report;
  const counted = `${checkpoints} checkpoints and ${events} events`;
  if (problem === null) {
    return [`${counted} are as they were sealed.`, ...remarks(report)].join(" ");
  }
  const { tombstone, checkpoint, eventId, message } = problem;
  const where = tombstone ? `Tombstone ${tombstone}: ` : checkpoint ? `Checkpoint ${checkpoint}: ` : "";
  const lines = [`${where}${message}`];
  if (eventId) {
    lines.push(`First bad event: ${eventId}`);
  }
  if (!where && report.anchors.count === 0) {
    lines.push(`Anchors were looked for in ${anchorFiles.join(", ")}; --anchor names a copy.`);
  }
  return [...lines, `${counted} ${checkpoint ? "before it " : ""}are as they were sealed.`].join("\n");
}

function remarks({ checkpoints, anchors, unsealed, tombstones }: AuditReport): string[] {
  const { count, newest } = anchors;
  return [
    count === 0
      ? "There is no anchor yet."
      : `They were compared with ${count} anchors, up to checkpoint ${newest} of ${checkpoints}.`,
    unsealed.count === 0
      ? "Every event is sealed."
      : `${unsealed.count} events are not sealed yet, the oldest of ${unsealed.oldest?.toISOString()}.`,
    ...(tombstones === 0 ? [] : [`${tombstones} months were removed on record.`]),
  ];
}

export const auditVerifyCommand: CommandModule<object, VerifyArguments> = {
  command: "verify",
  describe:
    "Compare every event with what was sealed, and the seals with the anchors; names the first that differs (exit status 1).",
  builder: (args) =>
    args
      .option("organization", {
        type: "string",
        requiresArg: true,
        coerce: uuidOption("--organization"),
        describe: "Read the events of this organization only (its id).",
      })
      .option("since", {
        type: "string",
        requiresArg: true,
        coerce: parseDate,
        describe: "Read the events only of what was sealed since then, for example 2026-11-01.",
      })
      .options(evidenceOptions)
      .option("exports", {
        type: "string",
        requiresArg: true,
        coerce: readFolder,
        describe: "A folder: compare the files of the removed months in it with their tombstones, too.",
      })
      .option("json", { type: "boolean", describe: "Print one JSON object." }),
  handler: async (given) => {
    const verification = await verify(given);
    const { report } = verification;
    console.log(given.json ? JSON.stringify(report, null, 2) : text(verification));
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
