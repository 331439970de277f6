import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { giveTo, type ServerAccount } from "./serverAccount.ts";

export interface PgProgram {
  binaries: string;
  account: ServerAccount | null;
  clusterDir: string;
}

/**
 * How every program of Postgres is told its data folder. It works in that folder from before it gives up root's rights,
 * and so reaches it even below a folder that only root may enter.
 */
export const DATA_FOLDER = ["-D", "/proc/self/cwd"];

/**
 * Runs `initdb` or `pg_ctl` to its end. Its output goes to a file, never to a pipe of the caller: the server would
 * inherit the pipe, and whoever reads it would wait until the server ends.
 *
 * @param input an open file that becomes its standard input.
 * @returns exit status and output; never throws for a status other than 0.
 */
export async function runPgProgram(
  { binaries, account, clusterDir }: PgProgram,
  name: "initdb" | "pg_ctl",
  args: string[],
  input: number | "ignore" = "ignore",
): Promise<{ status: number; output: string }> {
  const output = openNamelessFile("");
  try {
    const child = spawn(join(binaries, name), [...DATA_FOLDER, ...args], {
      cwd: clusterDir,
      ...account,
      // The caller's PGPORT, PGOPTIONS and language are not the server's.
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
      // Ctrl-C in a terminal goes to the whole group; the server is stopped by us, in order.
      detached: true,
      stdio: [input, output, output],
    });
    const [status] = (await once(child, "exit")) as [number | null];
    return { status: status ?? -1, output: readAll(output) };
  } finally {
    closeSync(output);
  }
}

/**
 * An open file that has no name any more, so that nothing stays on disk whatever happens to this process.
 *
 * @param reader who may open it again through /dev/stdin.
 */
export function openNamelessFile(content: string, reader: ServerAccount | null = null): number {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-nameless-"));
  const file = join(folder, "file");
  try {
    writeFileSync(file, content, { mode: 0o600 });
    giveTo(reader, file);
    return openSync(file, "r+");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readAll(file: number): string {
  const buffer = Buffer.alloc(fstatSync(file).size);
  readSync(file, buffer, 0, buffer.length, 0);
  return buffer.toString("utf8").trim();
}
