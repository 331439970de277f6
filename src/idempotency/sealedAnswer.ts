import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";

const ALGORITHM = "aes-256-gcm";
const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
const PURPOSE = "bailiwick idempotent answer";

/** Under which the database finds an answer; the key itself stays with the client. */
export function hashKey(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

/**
 * Encrypts an answer under a client's Idempotency-Key: nonce, tag, ciphertext. Answers hold what patients' records hold;
 * without the key, which the server does not keep, nobody can read them.
 *
 * @param requestHash the request it answers; the answer opens for no other.
 */
export function sealAnswer(key: string, requestHash: Buffer, answer: string): Buffer {
  const nonce = randomBytes(NONCE_LENGTH);
  const cipher = createCipheriv(ALGORITHM, deriveKey(key), nonce).setAAD(requestHash);
  const ciphertext = Buffer.concat([cipher.update(answer, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
}

/** Throws if the answer was not sealed under this key for this request. */
export function openAnswer(key: string, requestHash: Buffer, sealed: Buffer): string {
  const nonce = sealed.subarray(0, NONCE_LENGTH);
  const tag = sealed.subarray(NONCE_LENGTH, NONCE_LENGTH + TAG_LENGTH);
  const decipher = createDecipheriv(ALGORITHM, deriveKey(key), nonce).setAAD(requestHash).setAuthTag(tag);
  const text = [decipher.update(sealed.subarray(NONCE_LENGTH + TAG_LENGTH)), decipher.final()];
  return Buffer.concat(text).toString("utf8");
}

function deriveKey(key: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", PURPOSE, KEY_LENGTH));
}
