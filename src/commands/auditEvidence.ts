import { statSync } from "node:fs";

import { anchorFileOf, anchorsOfFiles, lastAnchor } from "../audit/anchors.ts";
import { readPublicKeys, trustedKeys } from "../audit/signingKeys.ts";
import type { VerifyOptions } from "../backup/verifyBackup.ts";
import type { Config } from "../config.ts";
import { withDatabase } from "../database/databaseUrls.ts";

export interface EvidenceArguments {
  anchor: string[] | undefined;
  "root-key": string | undefined;
}

/** What an audit is verified with; none of it is in the database. */
export const evidenceOptions = {
  anchor: {
    type: "string",
    array: true,
    requiresArg: true,
    coerce: readAnchorFiles,
    describe:
      "A file of the audit's anchors that somebody kept; the configured one when absent. May be given several times.",
  },
  "root-key": {
    type: "string",
    requiresArg: true,
    describe: "The id that the audit's first key must have.",
  },
} as const;

/** @param origin the name of the database that was backed up: its anchors lie under it. */
export function evidenceOf(
  { audit }: Pick<Config, "audit">,
  given: EvidenceArguments,
  origin: string,
): Pick<VerifyOptions, "keys" | "anchors"> {
  const keys = trustedKeys(
    audit.keyFolder === null ? [] : readPublicKeys(audit.keyFolder),
    given["root-key"],
  );
  const configured = anchorFileOf(audit, withDatabase("postgres://localhost/", origin));
  const files = given.anchor ?? (lastAnchor(configured) ? [configured] : []);
  return { keys, ...(files.length > 0 && { anchors: anchorsOfFiles(files) }) };
}

/** A name that was mistyped, or a file that somebody has emptied, would take the evidence away and change nothing else. */
function readAnchorFiles(files: string[] | undefined): string[] | undefined {
  files?.forEach(demandAnchors);
  return files;
}

function demandAnchors(file: string): void {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`--anchor must name a file; there is none at '${file}'.`);
  }
  if (lastAnchor(file) === undefined) {
    throw new Error(`--anchor must name a file of anchors; '${file}' has none.`);
  }
}
