import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

import type { SignedTombstone } from "./tombstones.ts";
import type { AuditProblem } from "./verifyAudit.ts";

/** The first export that is not in the folder, or is not as its tombstone says. */
export async function verifyExports(
  tombstones: readonly SignedTombstone[],
  folder: string,
): Promise<AuditProblem | null> {
  for (const { sequence, fileName, fileHash } of tombstones) {
    const file = join(folder, fileName);
    const problem = (message: string) => ({ checkpoint: null, tombstone: sequence, message });
    if (!existsSync(file)) {
      return problem(`Its export, ${fileName}, is missing.`);
    }
    const hash = createHash("sha256");
    await pipeline(createReadStream(file), hash);
    if (hash.digest("hex") !== fileHash) {
      return problem(`Its export, ${fileName}, was changed.`);
    }
  }
  return null;
}
