import type { ClientBase } from "pg";

import { appendAnchor, readAnchors } from "./anchors.ts";
import { CHECKPOINT_COLUMNS, checkpointHash, type SignedCheckpoint } from "./seals.ts";

/**
 * Anchors every checkpoint that is newer than the file's last one: also those whose process was killed between the commit
 * and the anchor.
 *
 * @returns how many were appended.
 * @throws when the file knows a checkpoint that the database has not, or has with another content: sealing on would hide it.
 */
export async function appendMissingAnchors(client: ClientBase, file: string): Promise<number> {
  const last = readAnchors(file).at(-1);
  const { rows } = await client.query<SignedCheckpoint>(
    `select ${CHECKPOINT_COLUMNS} from app_audit.checkpoints c where c.sequence >= $1 order by c.sequence`,
    [last?.sequence ?? "0"],
  );
  const known = last && rows.shift();
  if (last && (!known || checkpointHash(known).toString("hex") !== last.hash)) {
    throw new Error(
      `The anchor file knows checkpoint ${last.sequence}, and the database ${known ? "has another of that number" : "does not"}: see 'npx bailiwick audit verify'.`,
    );
  }
  rows.forEach((checkpoint) => appendAnchor(file, checkpoint));
  return rows.length;
}
