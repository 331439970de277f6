import { decrypt, encrypt, type SealedBytes } from "./aesGcm.ts";
import { type Bytes, concatenate, lengthPrefixed, utf8, uuidBytes } from "./canonicalBytes.ts";
import { type DeviceKey, type DevicePublicKeys, generateKeyPair, type WebKey } from "./deviceKey.ts";
import type { DataKey } from "./envelope.ts";
import { VaultError } from "./VaultError.ts";

/** A data key encrypted to one device: a row of `wrappedKeys`. */
export interface KeyWrap extends SealedBytes {
  keyId: string;
  /** X25519, made for this wrap alone. */
  ephemeralKey: Bytes;
}

const CONTEXT = utf8("bailiwick.key-wrap.1");
const SECRET_BITS = 256;

/** Encrypts a data key to a device of its owner: X25519, HKDF-SHA-256, AES-256-GCM. */
export async function wrapDataKey(
  dataKey: DataKey,
  userId: string,
  { agreementKey }: Pick<DevicePublicKeys, "agreementKey">,
): Promise<KeyWrap> {
  const [ephemeral, ephemeralKey] = await generateKeyPair("X25519", ["deriveBits"]);
  const wrappingKey = await deriveWrappingKey(ephemeral, agreementKey, ephemeralKey, agreementKey);
  const aad = wrapAad(userId, dataKey.id, agreementKey, ephemeralKey);
  return { keyId: dataKey.id, ephemeralKey, ...(await encrypt(wrappingKey, dataKey.bytes, aad)) };
}

/** @throws VaultError CANNOT_OPEN when the wrap is for another device or person, or was changed. */
export async function unwrapDataKey(
  wrap: KeyWrap,
  userId: string,
  { agreement, agreementKey }: Pick<DeviceKey, "agreement" | "agreementKey">,
): Promise<DataKey> {
  const wrappingKey = await deriveWrappingKey(agreement, wrap.ephemeralKey, wrap.ephemeralKey, agreementKey);
  const aad = wrapAad(userId, wrap.keyId, agreementKey, wrap.ephemeralKey);
  return { id: wrap.keyId, bytes: await decrypt(wrappingKey, wrap, aad) };
}

function wrapAad(userId: string, keyId: string, agreementKey: Bytes, ephemeralKey: Bytes): Bytes {
  return lengthPrefixed(CONTEXT, uuidBytes(userId), uuidBytes(keyId), agreementKey, ephemeralKey);
}

async function deriveWrappingKey(
  own: WebKey,
  other: Bytes,
  ephemeralKey: Bytes,
  agreementKey: Bytes,
): Promise<Bytes> {
  try {
    const otherKey = await crypto.subtle.importKey("raw", other, "X25519", false, []);
    const secret = await crypto.subtle.deriveBits({ name: "X25519", public: otherKey }, own, SECRET_BITS);
    const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
    const salt = concatenate(ephemeralKey, agreementKey);
    return new Uint8Array(
      await crypto.subtle.deriveBits(
        { name: "HKDF", hash: "SHA-256", salt, info: CONTEXT },
        material,
        SECRET_BITS,
      ),
    );
  } catch {
    // A public key of small order has no secret to agree on.
    throw new VaultError("CANNOT_OPEN");
  }
}
