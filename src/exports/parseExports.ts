import { join, resolve } from "node:path";

export interface ExportsConfig {
  /** Absolute path of the folder that holds what was exported; workers write there, gateways read. */
  folder: string;
}

/** Reads EXPORT_FOLDER; without one, exports lie in the data folder. */
export function parseExports(
  { text }: { text(name: string): string | null },
  dataDir: string,
): ExportsConfig {
  return { folder: resolve(text("EXPORT_FOLDER") ?? join(dataDir, "exports")) };
}
