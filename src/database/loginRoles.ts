import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

import type { DatabaseConfig } from "../config.ts";

/** The roles that may log in, and the setting that replaces the derived connection of each. */
export const LOGIN_ROLES = {
  app_authenticator: "gatewayUrl",
  app_worker: "workerUrl",
  app_migrator: "migratorUrl",
  app_backup: "backupUrl",
  app_sealer: "sealerUrl",
  app_recorder: "recorderUrl",
} as const satisfies Record<string, keyof DatabaseConfig>;

export type LoginRole = keyof typeof LOGIN_ROLES;

const SCRAM_ITERATIONS = 4096;
const SCRAM_KEY_LENGTH = 32;

/** The password of a login role: derived, so that instances agree on it without exchanging it. */
export function rolePassword(roleSecret: string, role: LoginRole): string {
  return createHmac("sha256", roleSecret).update(role).digest("hex");
}

/**
 * The SCRAM-SHA-256 verifier that Postgres stores for a password (RFC 5803). Handing over the verifier keeps the
 * password out of the statement, and with it out of the server's log.
 */
export function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, SCRAM_ITERATIONS, SCRAM_KEY_LENGTH, "sha256");
  const keyOf = (name: string) => createHmac("sha256", salted).update(name).digest();
  const storedKey = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString("base64")}$${storedKey}:${keyOf("Server Key").toString("base64")}`;
}
