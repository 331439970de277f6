import type { ClientBase } from "pg";

import { appendAnchor, lastAnchor } from "./anchors.ts";
import { readCheckpoints } from "./readSeals.ts";
import { checkpointHash } from "./seals.ts";

export interface AppendedAnchors {
  count: number;
  /** Whether the file had none before. */
  isAnew: boolean;
}

/**
 * Anchors every checkpoint that is newer than the file's last one: also those whose process was killed between the commit
 * and the anchor.
 *
 * @throws when the file knows a checkpoint that the database has not, or has with another content: sealing on would hide it.
 */
export async function appendMissingAnchors(client: ClientBase, file: string): Promise<AppendedAnchors> {
  const last = lastAnchor(file);
  const checkpoints = readCheckpoints(client, last?.sequence);
  const { value: known } = last ? await checkpoints.next() : {};
  if (last && (!known || checkpointHash(known).toString("hex") !== last.hash)) {
    throw new Error(
      `The anchor file knows checkpoint ${last.sequence}, and the database ${known ? "has another of that number" : "does not"}: see 'npx bailiwick audit verify'.`,
    );
  }
  let count = 0;
  for await (const checkpoint of checkpoints) {
    appendAnchor(file, checkpoint);
    count++;
  }
  return { count, isAnew: last === undefined };
}
