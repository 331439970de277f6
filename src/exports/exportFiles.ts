import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const NAME = /^([0-9a-f-]{36})(?:-([0-9a-f]{64})|\.[0-9a-f-]{36}\.part)$/;
/** Milliseconds: longer than a job may take, so nobody is about to finish an older file any more. */
const SETTLED_AFTER = 2 * 60 * 60 * 1000;

/** Names the file of an export. */
export interface FinishedFile {
  exportId: string;
  /** In hexadecimal. */
  sha256: string;
}

/**
 * Where an export lies once it is whole. The hash is in the name: of two workers that write one export, each has a file of its
 * own, and the one whose hash is on record is the one that is served.
 */
export function exportPath(folder: string, { exportId, sha256 }: FinishedFile): string {
  return join(folder, `${exportId}-${sha256}`);
}

/**
 * Lets `write` make a file under a name that nobody serves, and gives it the one that is; a file that is not finished is gone
 * again. Only the folder's owner can read either.
 *
 * @param write returns the SHA-256 of what it wrote; null: nothing is to be kept.
 */
export async function writeExportFile<T extends { sha256: string }>(
  folder: string,
  exportId: string,
  write: (path: string) => Promise<T | null>,
): Promise<T | null> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const part = join(folder, `${exportId}.${randomUUID()}.part`);
  try {
    const written = await write(part);
    if (written !== null) {
      await rename(part, exportPath(folder, { exportId, sha256: written.sha256 }));
    }
    return written;
  } finally {
    await rm(part, { force: true });
  }
}

/** The files of exports that nobody writes any more; of a half-written one, `sha256` is null. */
export async function listSettledFiles(
  folder: string,
): Promise<{ exportId: string; sha256: string | null; path: string }[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") {
      return [];
    }
    throw error;
  });
  const files = [];
  for (const name of names) {
    const [, exportId, sha256 = null] = NAME.exec(name) ?? [];
    const path = join(folder, name);
    const found = exportId && (await stat(path).catch(() => null));
    if (found && Date.now() - found.mtimeMs > SETTLED_AFTER) {
      files.push({ exportId, sha256, path });
    }
  }
  return files;
}

/** Opens a finished file to be read. Null where it is missing, or not as long as it should be. */
export async function openExportFile(
  folder: string,
  { exportId, sha256, byteCount }: FinishedFile & { byteCount: number },
) {
  const file = await open(exportPath(folder, { exportId, sha256 })).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") {
      return null;
    }
    throw error;
  });
  if (file !== null && (await file.stat()).size !== byteCount) {
    await file.close();
    return null;
  }
  return file;
}
