import { join, resolve } from "node:path";

export interface AuditConfig {
  /** Absolute path of the folder with the signing key; null: nothing is sealed by this process. */
  keyFolder: string | null;
  /** Absolute path of the folder of anchors, one file a database. */
  anchorFolder: string;
  /** Absolute path of the folder that takes the events which are removed after years; null: none is removed by a process. */
  exportFolder: string | null;
  /** Milliseconds between two seals. */
  sealInterval: number;
}

/** Readers of single variables, as src/config.ts has them. */
interface Reader {
  text(name: string): string | null;
  integer(name: string, fallback: number, minimum: number, maximum: number): number;
}

/** Reads where the audit's keys, anchors and exports are. Production seals and removes only where their folders are named. */
export function parseAudit(
  read: Reader,
  { dataDir, isProduction }: { dataDir: string; isProduction: boolean },
): AuditConfig {
  const folder = (name: string, fallback: string) => {
    const path = read.text(name);
    return path ? resolve(path) : isProduction ? null : join(dataDir, fallback);
  };
  return {
    keyFolder: folder("AUDIT_KEY_FOLDER", "audit-keys"),
    anchorFolder: resolve(read.text("AUDIT_ANCHOR_FOLDER") ?? join(dataDir, "audit-anchors")),
    exportFolder: folder("AUDIT_EXPORT_FOLDER", "audit-exports"),
    sealInterval: read.integer("AUDIT_SEAL_INTERVAL", 5000, 100, 3_600_000),
  };
}
