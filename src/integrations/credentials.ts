import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";

/** The secret of an integration as the database keeps it. */
export interface SealedCredential {
  /** The first 16 hex digits of the key's SHA-256. */
  keyId: string;
  /** 12 bytes, fresh for each sealing. */
  nonce: Buffer;
  /** As long as the secret, and 16 bytes of authentication tag at the end. */
  ciphertext: Buffer;
}

/** Seals and opens the secrets of integrations. Whoever holds one can open every secret; nobody else can. */
export interface CredentialBox {
  /** @throws RangeError when the secret is empty or longer than MAXIMUM_SECRET_BYTES; the message does not repeat it. */
  seal(integrationId: string, secret: string): SealedCredential;
  /** @throws when the key is not here, or when what was sealed was changed or belongs to another integration. */
  open(integrationId: string, sealed: SealedCredential): string;
}

export const MAXIMUM_SECRET_BYTES = 16_384;

const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_DIGITS = 16;

/**
 * Reads what INTEGRATION_KEY says: keys of 32 bytes in base64, separated by commas. The first one seals; the others
 * still open what was sealed before the key was changed.
 *
 * @throws with what is allowed; a key, even a wrong one, is never repeated in a message.
 */
export function parseIntegrationKeys(text: string): Buffer[] {
  return text.split(",").map((part, index) => {
    const encoded = part.trim();
    const key = Buffer.from(encoded, "base64");
    if (key.length !== KEY_BYTES || key.toString("base64") !== encoded) {
      throw new Error(
        `Key ${index + 1} must be ${KEY_BYTES} bytes in base64 (openssl rand -base64 32); got ${encoded.length} characters that are not`,
      );
    }
    return key;
  });
}

/** @param keys 32 bytes each; the first one seals, all of them open. */
export function makeCredentialBox(keys: readonly Buffer[]): CredentialBox {
  const keysById = new Map(keys.map((key) => [keyIdOf(key), key]));
  const current = keys[0];
  if (current === undefined || keys.some((key) => key.length !== KEY_BYTES)) {
    throw new Error(
      `A credential box takes one key of ${KEY_BYTES} bytes or more of them; got ${keys.length} keys`,
    );
  }
  return {
    seal(integrationId, secret) {
      const plaintext = Buffer.from(secret, "utf8");
      if (plaintext.length === 0 || plaintext.length > MAXIMUM_SECRET_BYTES) {
        throw new RangeError(
          `A credential has from 1 to ${MAXIMUM_SECRET_BYTES} bytes; got ${plaintext.length}`,
        );
      }
      const keyId = keyIdOf(current);
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, current, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(associatedData(integrationId, keyId));
      const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      return { keyId, nonce, ciphertext };
    },
    open(integrationId, { keyId, nonce, ciphertext }) {
      const key = keysById.get(keyId);
      if (key === undefined) {
        throw new Error(
          `The credential of integration '${integrationId}' was sealed with key '${keyId}'; INTEGRATION_KEY has ${[...keysById.keys()].join(", ")}`,
        );
      }
      const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(associatedData(integrationId, keyId));
      decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES));
      try {
        const plaintext = [decipher.update(ciphertext.subarray(0, -TAG_BYTES)), decipher.final()];
        return Buffer.concat(plaintext).toString("utf8");
      } catch (cause) {
        throw new Error(`The credential of integration '${integrationId}' is not what was sealed for it`, {
          cause,
        });
      }
    },
  };
}

function keyIdOf(key: Buffer): string {
  return createHash("sha256").update(key).digest("hex").slice(0, KEY_ID_DIGITS);
}

/** Binds a secret to its place: a row that is copied to another integration does not open there. */
function associatedData(integrationId: string, keyId: string): Buffer {
  return Buffer.from(`bailiwick:integration_credentials:1:${integrationId.toLowerCase()}:${keyId}`, "utf8");
}
