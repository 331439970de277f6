import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";

import { writeExportFile } from "../exports/exportFiles.ts";

export interface WrittenReport {
  byteCount: number;
  /** In hexadecimal. */
  sha256: string;
}

/** Writes one of a report's files beside those of the exports, under the report's id and the hash of what is in it. */
export async function writeReportFile(
  folder: string,
  reportId: string,
  content: string,
): Promise<WrittenReport> {
  const bytes = Buffer.from(content);
  const written = { byteCount: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  await writeExportFile(folder, reportId, async (path) => {
    await writeFile(path, bytes, { flag: "wx", mode: 0o600, flush: true });
    return written;
  });
  return written;
}
