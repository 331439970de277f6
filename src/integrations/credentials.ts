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

/** Seals and opens the secrets of integrations, or of webhook endpoints. Whoever holds one can open every secret; nobody else can. */
export interface CredentialBox {
  /** @throws RangeError when the secret is empty or longer than MAXIMUM_SECRET_BYTES; the message does not repeat it. */
  seal(ownerId: string, secret: string): SealedCredential;
  /** @throws when the key is not here, or when what was sealed was changed or belongs to another owner or table. */
  open(ownerId: string, sealed: SealedCredential): string;
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

/** Where a sealed secret is kept, in app_private. */
export type SecretTable = "integration_credentials" | "webhook_secrets";

/**
 * @param keys 32 bytes each; the first one seals, all of them open.
 * @param table is bound into the seal: what was sealed for one does not open in the other.
 */
export function makeCredentialBox(
  keys: readonly Buffer[],
  table: SecretTable = "integration_credentials",
): CredentialBox {
  const keysById = new Map(keys.map((key) => [keyIdOf(key), key]));
  const current = keys[0];
  if (current === undefined || keys.some((key) => key.length !== KEY_BYTES)) {
    throw new Error(
      `A credential box takes one key of ${KEY_BYTES} bytes or more of them; got ${keys.length} keys`,
    );
  }
  return {
    seal(ownerId, secret) {
      const plaintext = Buffer.from(secret, "utf8");
      if (plaintext.length === 0 || plaintext.length > MAXIMUM_SECRET_BYTES) {
        throw new RangeError(
          `A credential has from 1 to ${MAXIMUM_SECRET_BYTES} bytes; got ${plaintext.length}`,
        );
      }
      const keyId = keyIdOf(current);
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, current, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(associatedData(table, ownerId, keyId));
      const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      return { keyId, nonce, ciphertext };
    },
    open(ownerId, { keyId, nonce, ciphertext }) {
      const key = keysById.get(keyId);
      if (key === undefined) {
        throw new Error(
          `The secret of '${ownerId}' in ${table} was sealed with key '${keyId}'; INTEGRATION_KEY has ${[...keysById.keys()].join(", ")}`,
        );
      }
      const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(associatedData(table, ownerId, keyId));
      decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES));
      try {
        const plaintext = [decipher.update(ciphertext.subarray(0, -TAG_BYTES)), decipher.final()];
        return Buffer.concat(plaintext).toString("utf8");
      } catch (cause) {
        throw new Error(`The secret of '${ownerId}' in ${table} is not what was sealed for it`, {
          cause,
        });
      }
    },
  };
}

/** One box for each table that keeps sealed secrets. */
export type CredentialBoxes = Readonly<Record<SecretTable, CredentialBox>>;

/** @param keys what INTEGRATION_KEY says; null: there are no boxes, and no secret can be stored or opened. */
export function makeCredentialBoxes(keys: string | null): CredentialBoxes | null {
  if (keys === null) {
    return null;
  }
  const parsed = parseIntegrationKeys(keys);
  return {
    integration_credentials: makeCredentialBox(parsed),
    webhook_secrets: makeCredentialBox(parsed, "webhook_secrets"),
  };
}

function keyIdOf(key: Buffer): string {
  return createHash("sha256").update(key).digest("hex").slice(0, KEY_ID_DIGITS);
}

/** Binds a secret to its place: a row that is copied to another owner or table does not open there. */
function associatedData(table: SecretTable, ownerId: string, keyId: string): Buffer {
  return Buffer.from(`bailiwick:${table}:1:${ownerId.toLowerCase()}:${keyId}`, "utf8");
}
