import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { databaseName } from "../database/databaseUrls.ts";
import { parseAnchor } from "./parseAnchor.ts";
import type { AuditConfig } from "./parseAudit.ts";
import { checkpointHash, type SignedCheckpoint } from "./seals.ts";

/** A checkpoint as somebody outside of the database keeps it: whoever has it notices when the chain behind it changes. */
export interface Anchor extends SignedCheckpoint {
  /** checkpointHash(), hexadecimal. */
  hash: string;
}

const LINE_BREAK = "\n".charCodeAt(0);
/** Bytes that are read at once from the end of a file: some hundred lines. */
const BLOCK = 65_536;

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
  const descriptor = openSync(file, "a+", 0o600);
  try {
    // A line that a crash cut off stays a line of its own.
    const separator = endsInLine(descriptor) ? "\n" : "";
    writeSync(descriptor, `${separator}${JSON.stringify(anchorOf(checkpoint))}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The newest anchor of a file, read from its end: a file of years is looked at every few seconds. What a crash cut off is left
 * out.
 *
 * @throws as parseAnchor().
 */
export function lastAnchor(file: string): Anchor | undefined {
  if (!existsSync(file)) {
    return undefined;
  }
  const descriptor = openSync(file, "r");
  try {
    // What is read, without the line whose beginning is not.
    let rest = Buffer.alloc(0);
    for (let end = fstatSync(descriptor).size; end > 0;) {
      const begin = Math.max(0, end - BLOCK);
      const read = Buffer.concat([readAt(descriptor, begin, end - begin), rest]);
      const start = begin === 0 ? 0 : read.indexOf(LINE_BREAK) + 1 || read.length;
      const last = anchorsOf(read.subarray(start).toString().split("\n"), file).at(-1);
      if (last) {
        return last;
      }
      rest = read.subarray(0, start);
      end = begin;
    }
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The anchors that a file has at the moment of the call, in its order and a line at a time; none where there is no such file.
 * What a crash cut off is left out. What is appended afterwards is, too: it may be of a checkpoint that the reader's snapshot of
 * the database does not have.
 */
export function readAnchors(file: string): AsyncIterable<Anchor> {
  return anchorsUpTo(file, existsSync(file) ? statSync(file).size : 0);
}

/** The anchors of several files, one file after the other; as readAnchors(), of the moment of the call. */
export function anchorsOfFiles(files: readonly string[]): AsyncIterable<Anchor> {
  return concatenate(files.map(readAnchors));
}

async function* concatenate<T>(parts: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  for (const part of parts) {
    yield* part;
  }
}

async function* anchorsUpTo(file: string, size: number): AsyncGenerator<Anchor> {
  if (size === 0) {
    return;
  }
  let rest = "";
  for await (const text of createReadStream(file, { encoding: "utf8", end: size - 1 })) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* anchorsOf(lines, file);
  }
  yield* anchorsOf([rest], file);
}

function endsInLine(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  return size > 0 && readAt(descriptor, size - 1, 1)[0] !== LINE_BREAK;
}

function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position));
}

function anchorsOf(lines: readonly string[], file: string): Anchor[] {
  return lines.map((line) => parseAnchor(line, file)).filter((anchor) => anchor !== null);
}
