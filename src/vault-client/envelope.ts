import { decrypt, encrypt, KEY_LENGTH } from "./aesGcm.ts";
import {
  areEqual,
  type Bytes,
  int16,
  int32,
  lengthPrefixed,
  randomBytes,
  utf8,
  uuidBytes,
} from "./canonicalBytes.ts";
import { pad, unpad } from "./padding.ts";
import { VaultError } from "./VaultError.ts";

/** What a record's content is encrypted with. The bytes never leave the device except wrapped. */
export interface DataKey {
  id: string;
  bytes: Bytes;
}

/** What an envelope is bound to: in another place it does not open. */
export interface RecordIdentity {
  table: "app_vault.encrypted_user_prefs" | "app_vault.encrypted_cycle_data";
  /** The row's uuid, which the client chooses. */
  rowId: string;
  userId: string;
  /** 1 for a new record, then one more for each change. */
  version: number;
}

/** The columns of an encrypted record, as the API has them. */
export interface CryptoEnvelope {
  envelopeVersion: number;
  algorithm: string;
  keyId: string;
  nonce: Bytes;
  ciphertext: Bytes;
  /** Sent for the server to check; opening builds it anew and never believes it. */
  aad: Bytes;
}

const ENVELOPE_VERSION = 1;
const ALGORITHM = "AES-256-GCM";

export function generateDataKey(): DataKey {
  return { id: crypto.randomUUID(), bytes: randomBytes(KEY_LENGTH) };
}

/** The additional data; the database builds the same in `app_hidden.envelope_aad` and refuses a row with another. */
export function envelopeAad(
  { table, rowId, userId, version }: RecordIdentity,
  { envelopeVersion, algorithm, keyId }: Pick<CryptoEnvelope, "envelopeVersion" | "algorithm" | "keyId">,
): Bytes {
  return lengthPrefixed(
    utf8("bailiwick.envelope"),
    int16(envelopeVersion),
    utf8(algorithm),
    utf8(table),
    uuidBytes(rowId),
    uuidBytes(userId),
    int32(version),
    uuidBytes(keyId),
  );
}

/** Encrypts content for one version of one row. @throws VaultError TOO_LARGE above MAXIMUM_CONTENT_BYTES. */
export function sealRecord(
  key: DataKey,
  identity: RecordIdentity,
  content: Uint8Array,
): Promise<CryptoEnvelope> {
  return sealRecordWithNonce(key, identity, content);
}

/** For test vectors; not exported by the module. */
export async function sealRecordWithNonce(
  key: DataKey,
  identity: RecordIdentity,
  content: Uint8Array,
  nonce?: Bytes,
): Promise<CryptoEnvelope> {
  const form = { envelopeVersion: ENVELOPE_VERSION, algorithm: ALGORITHM, keyId: key.id };
  const aad = envelopeAad(identity, form);
  return { ...form, ...(await encrypt(key.bytes, pad(content), aad, nonce)), aad };
}

/**
 * Decrypts a record that the server says is this row in this version.
 *
 * @param lastSeenVersion the highest version of the row that this client knows of; 0 for none.
 * @throws VaultError ROLLED_BACK for an older version; CANNOT_OPEN when anything about it is not as it was sealed;
 *   UNSUPPORTED for another algorithm (the server also takes XChaCha20-Poly1305, which WebCrypto lacks).
 */
export async function openRecord(
  key: DataKey,
  identity: RecordIdentity,
  envelope: Omit<CryptoEnvelope, "aad"> & { aad?: Bytes },
  lastSeenVersion = 0,
): Promise<Bytes> {
  if (identity.version < lastSeenVersion) {
    throw new VaultError("ROLLED_BACK");
  }
  if (envelope.envelopeVersion !== ENVELOPE_VERSION || envelope.algorithm !== ALGORITHM) {
    throw new VaultError("UNSUPPORTED");
  }
  const aad = envelopeAad(identity, { ...envelope, keyId: key.id });
  if (
    envelope.keyId.toLowerCase() !== key.id.toLowerCase() ||
    (envelope.aad && !areEqual(envelope.aad, aad))
  ) {
    throw new VaultError("CANNOT_OPEN");
  }
  return unpad(await decrypt(key.bytes, envelope, aad));
}
