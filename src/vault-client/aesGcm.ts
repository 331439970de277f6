import { type Bytes, concatenate, randomBytes } from "./canonicalBytes.ts";
import { VaultError } from "./VaultError.ts";

export const KEY_LENGTH = 32;
export const NONCE_LENGTH = 12;

export interface SealedBytes {
  nonce: Bytes;
  /** With the tag of 16 bytes at its end. */
  ciphertext: Bytes;
}

/** AES-256-GCM. A nonce is for published test vectors only: with a second use under one key the encryption is broken. */
export async function encrypt(
  key: Bytes,
  content: Bytes,
  additionalData: Bytes,
  nonce = randomBytes(NONCE_LENGTH),
): Promise<SealedBytes> {
  const ciphertext = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv: nonce, additionalData },
    await importKey(key, "encrypt"),
    content,
  );
  return { nonce, ciphertext: new Uint8Array(ciphertext) };
}

/** @throws VaultError CANNOT_OPEN when key, nonce, ciphertext and additional data do not belong together. */
export async function decrypt(
  key: Bytes,
  { nonce, ciphertext }: SealedBytes,
  additionalData: Bytes,
): Promise<Bytes> {
  const imported = await importKey(key, "decrypt");
  try {
    const content = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: nonce, additionalData },
      imported,
      ciphertext,
    );
    return new Uint8Array(content);
  } catch {
    // The cause tells an attacker nothing and a developer neither: an authentication failed.
    throw new VaultError("CANNOT_OPEN");
  }
}

function importKey(key: Bytes, usage: "encrypt" | "decrypt") {
  if (key.length !== KEY_LENGTH) {
    throw new RangeError(`A key has ${KEY_LENGTH} bytes; got ${key.length}`);
  }
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, [usage]);
}

export async function sha256(...parts: readonly Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concatenate(...parts)));
}
