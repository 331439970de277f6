import type { Config } from "../config.ts";

/** The folder of the audit's keys. Throws where none is configured. */
export function auditKeyFolder({ audit }: Config): string {
  if (audit.keyFolder === null) {
    throw new Error("AUDIT_KEY_FOLDER is not set: it names the folder of the keys that seal the audit.");
  }
  return audit.keyFolder;
}
