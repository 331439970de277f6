import { join, resolve } from "node:path";

export interface AuditConfig {
  /** Absolute path of the folder with the signing key; null: nothing is sealed by this process. */
  keyFolder: string | null;
  /** Absolute path of the folder of anchors, one file a database. */
  anchorFolder: string;
  /** Milliseconds between two seals. */
  sealInterval: number;
}

/** Readers of single variables, as src/config.ts has them. */
interface Reader {
  text(name: string): string | null;
  integer(name: string, fallback: number, minimum: number, maximum: number): number;
}

/** Reads where the audit's keys and anchors are. Production seals only where a folder of keys is named. */
export function parseAudit(
  read: Reader,
  { dataDir, isProduction }: { dataDir: string; isProduction: boolean },
): AuditConfig {
  const keyFolder = read.text("AUDIT_KEY_FOLDER");
  return {
    keyFolder: keyFolder ? resolve(keyFolder) : isProduction ? null : join(dataDir, "audit-keys"),
    anchorFolder: resolve(read.text("AUDIT_ANCHOR_FOLDER") ?? join(dataDir, "audit-anchors")),
    sealInterval: read.integer("AUDIT_SEAL_INTERVAL", 5000, 100, 3_600_000),
  };
}
