import { spawn } from "node:child_process";
import type { Readable } from "node:stream";

import type { PostgresProgram } from "./findPostgresProgram.ts";

export interface ProgramRun {
  args: readonly string[];
  env: Record<string, string>;
  signal?: AbortSignal;
  /** Takes what it writes on standard output. */
  read?: (output: Readable) => Promise<void>;
}

/** Characters of what a program says on standard error; the first complaint is the one that matters. */
const MAXIMUM_SAID = 65_536;
const MAXIMUM_LINES = 4;
const COMPLAINT = /^pg_\w+: (?:error|detail: Error message from server): (.*)$/;

/**
 * Runs pg_dump or pg_restore to its end.
 *
 * @throws where it fails, with what it complained of; where `signal` aborts, with its reason, when the program is gone.
 */
export async function runPostgresProgram(
  { file }: PostgresProgram,
  { args, env, signal, read }: ProgramRun,
): Promise<void> {
  signal?.throwIfAborted();
  const child = spawn(file, args, { env, stdio: ["ignore", read ? "pipe" : "ignore", "pipe"] });
  const { promise: ended, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("error", reject).once("close", resolve);
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(0, MAXIMUM_SAID);
  });
  const stop = () => void child.kill();
  signal?.addEventListener("abort", stop);
  try {
    const taken = read && child.stdout ? read(child.stdout) : undefined;
    // A disk that is full fails the reader; the program must not wait for ever for somebody to read on.
    taken?.catch(stop);
    const [code, written] = await Promise.allSettled([ended, taken]);
    signal?.throwIfAborted();
    if (written.status === "rejected") {
      throw written.reason;
    }
    if (code.status === "rejected" || code.value !== 0) {
      throw new Error(complaintOf(said) || `${file} failed without a word.`);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** What went wrong, without what may hold a value of a row: details, contexts, the statement, a line that was not taken. */
export function complaintOf(said: string): string {
  const complaints = said.split("\n").flatMap((line) => COMPLAINT.exec(line)?.[1] ?? []);
  return complaints
    .slice(0, MAXIMUM_LINES)
    .map((line) => line.replace(/^(COPY failed for table "[^"]*").*/, "$1"))
    .join("\n");
}
