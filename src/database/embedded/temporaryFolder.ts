import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";

import type { ServerAccount } from "./serverAccount.ts";

const WORLD_MAY_ENTER = 0o001;

/** A folder for temporary files that the server's user can reach too, whatever TMPDIR says. */
export function temporaryFolder(account: ServerAccount | null): string {
  const candidates = [tmpdir(), "/tmp", "/var/tmp"];
  const found = candidates.find((folder) => account === null || everybodyMayEnter(folder));
  if (found === undefined) {
    throw new Error(
      `Postgres runs as uid ${account?.uid}, who can reach none of ${candidates.join(", ")}; set TMPDIR to a folder that everybody may enter.`,
    );
  }
  return found;
}

function everybodyMayEnter(folder: string): boolean {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined || (stats.mode & WORLD_MAY_ENTER) === 0) {
    return false;
  }
  return folder === "/" || everybodyMayEnter(dirname(folder));
}
