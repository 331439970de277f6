import { sha256 } from "./aesGcm.ts";
import { type Bytes, hexFromBytes, lengthPrefixed, utf8, uuidBytes } from "./canonicalBytes.ts";

/** WebCrypto's CryptoKey, by a name that exists with and without the types of a browser. */
export type WebKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** A device's two public keys, as the server stores them. */
export interface DevicePublicKeys {
  /** Ed25519, 32 bytes. */
  signingKey: Bytes;
  /** X25519, 32 bytes. */
  agreementKey: Bytes;
}

/** The private halves cannot be exported: keep them in IndexedDB or the like. */
export interface DeviceKey extends DevicePublicKeys {
  signing: WebKey;
  agreement: WebKey;
}

/** A row of `deviceKeys`, as far as trust depends on it. */
export interface RegisteredDeviceKey extends DevicePublicKeys {
  id: string;
  state: string;
  challenge: Bytes;
  proof: Bytes;
  approvedById: string | null;
  approval: Bytes | null;
}

/** Makes the keys of a device, or of a recovery key. */
export async function generateDeviceKey(): Promise<DeviceKey> {
  const [signing, signingKey] = await generateKeyPair("Ed25519", ["sign", "verify"]);
  const [agreement, agreementKey] = await generateKeyPair("X25519", ["deriveBits"]);
  return { signing, agreement, signingKey, agreementKey };
}

/** A private key that cannot be exported, and the bytes of its public key. */
export async function generateKeyPair(
  algorithm: "Ed25519" | "X25519",
  usages: ("sign" | "verify" | "deriveBits")[],
): Promise<[WebKey, Bytes]> {
  const pair = (await crypto.subtle.generateKey(algorithm, false, usages)) as Record<
    "privateKey" | "publicKey",
    WebKey
  >;
  return [pair.privateKey, new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey))];
}

/** What a new device signs, and the device that approves it: the same bytes as `app_hidden.device_key_message`. */
export function deviceKeyMessage(
  challenge: Uint8Array,
  userId: string,
  { signingKey, agreementKey }: DevicePublicKeys,
  approvedById: string | null,
): Bytes {
  return lengthPrefixed(
    utf8("bailiwick.device-key.1"),
    challenge,
    uuidBytes(userId),
    signingKey,
    agreementKey,
    approvedById === null ? new Uint8Array() : uuidBytes(approvedById),
  );
}

/** Signs as the new device (`proof`) or as the one that approves it (`approval`). */
export async function signMessage({ signing }: Pick<DeviceKey, "signing">, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign("Ed25519", signing, message));
}

/** The SHA-256 of both keys in hex: what two people, or two screens, compare. */
export async function fingerprint({ signingKey, agreementKey }: DevicePublicKeys): Promise<string> {
  return hexFromBytes(await sha256(signingKey, agreementKey));
}

/**
 * The devices to wrap data keys for: those that are active and reached from one that this client knows, by a chain of
 * approvals that verifies. What is not among them was added without the owner, perhaps by the server.
 *
 * @param knownFingerprints of this device, and of others whose fingerprint the owner has compared.
 */
export async function trustedDevices<Key extends RegisteredDeviceKey>(
  userId: string,
  keys: readonly Key[],
  knownFingerprints: readonly string[],
): Promise<Key[]> {
  const trusted = new Map<string, Key>();
  for (const key of keys) {
    if (knownFingerprints.includes(await fingerprint(key))) {
      trusted.set(key.id, key);
    }
  }
  let before = -1;
  while (trusted.size > before) {
    before = trusted.size;
    for (const key of keys) {
      const approver = key.approvedById === null ? undefined : trusted.get(key.approvedById);
      if (!trusted.has(key.id) && approver && (await isApproved(userId, key, approver))) {
        trusted.set(key.id, key);
      }
    }
  }
  return [...trusted.values()].filter(({ state }) => state.toLowerCase() === "active");
}

async function isApproved(
  userId: string,
  key: RegisteredDeviceKey,
  approver: RegisteredDeviceKey,
): Promise<boolean> {
  const message = deviceKeyMessage(key.challenge, userId, key, key.approvedById);
  return (
    key.approval !== null &&
    (await isSignedBy(approver.signingKey, key.approval, message)) &&
    (await isSignedBy(key.signingKey, key.proof, message))
  );
}

async function isSignedBy(signingKey: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey("raw", signingKey, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, signature, message);
  } catch {
    // Bytes that are no key have signed nothing.
    return false;
  }
}
