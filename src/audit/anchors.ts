import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

import { databaseName } from "../database/databaseUrls.ts";
import type { AuditConfig } from "./parseAudit.ts";
import { checkpointHash, type SignedCheckpoint } from "./seals.ts";

/** A checkpoint as somebody outside of the database keeps it: whoever has it notices when the chain behind it changes. */
export interface Anchor extends SignedCheckpoint {
  /** checkpointHash(), hexadecimal. */
  hash: string;
}

/** Where the anchors of the database behind a connection string are. */
export function anchorFileOf({ anchorFolder }: AuditConfig, url: string): string {
  return join(anchorFolder, `${databaseName(url)}.jsonl`);
}

/** What to keep of a checkpoint. */
export function anchorOf(checkpoint: SignedCheckpoint): Anchor {
  return { ...checkpoint, hash: checkpointHash(checkpoint).toString("hex") };
}

/** Appends one line, and returns when it is on the disk. */
export function appendAnchor(file: string, checkpoint: SignedCheckpoint): void {
  mkdirSync(dirname(file), { recursive: true });
  // A line that a crash cut off stays a line of its own.
  const separator = existsSync(file) && !readFileSync(file, "utf8").endsWith("\n") ? "\n" : "";
  const descriptor = openSync(file, "a", 0o600);
  try {
    writeSync(descriptor, `${separator}${JSON.stringify(anchorOf(checkpoint))}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The anchors of a file, in its order; none where there is no such file. What a crash cut off is left out. */
export function readAnchors(file: string): Anchor[] {
  if (!existsSync(file)) {
    return [];
  }
  return readFileSync(file, "utf8").split("\n").flatMap(parseLine);
}

function parseLine(line: string): Anchor[] {
  try {
    return [JSON.parse(line) as Anchor];
  } catch {
    return [];
  }
}
