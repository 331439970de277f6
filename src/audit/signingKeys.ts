import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { jsonArray } from "./canonicalEvent.ts";

/** A public key and who vouches for it. Everybody may have these. */
export interface PublicAuditKey {
  keyId: string;
  /** Ed25519, SPKI in DER, base64. */
  publicKey: string;
  createdAt: string;
  /** The key that was in use before, and its signature of this one; null for the first. */
  introducedBy: { keyId: string; signature: string } | null;
}

/** The key that seals, outside of the database. */
export interface SigningKey {
  keyId: string;
  /** Ed25519 signature, hexadecimal. */
  sign(message: string): string;
}

/** Public keys of which each but the first is vouched for by an earlier one. */
export type KeyRing = ReadonlyMap<string, KeyObject>;

const PRIVATE_FILE = "signing-key.pem";
const PUBLIC_FILE = "public-keys.json";
const OWNER_ONLY = 0o600;

/** The signing key of a folder; null when the folder has none. */
export function readSigningKey(folder: string): SigningKey | null {
  const file = join(folder, PRIVATE_FILE);
  if (!existsSync(file)) {
    return null;
  }
  const privateKey = createPrivateKey(readFileSync(file));
  if (privateKey.asymmetricKeyType !== "ed25519") {
    throw new Error(`${file} must hold an Ed25519 key; it holds ${privateKey.asymmetricKeyType}.`);
  }
  return {
    keyId: keyIdOf(createPublicKey(privateKey)),
    sign: (message) => sign(null, Buffer.from(message), privateKey).toString("hex"),
  };
}

/** The public keys of a folder, oldest first. */
export function readPublicKeys(folder: string): PublicAuditKey[] {
  const file = join(folder, PUBLIC_FILE);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as PublicAuditKey[]) : [];
}

/**
 * Makes the first signing key of a folder, or one that takes the place of the present one and is vouched for by it. The
 * private key that was replaced is gone: it can sign nothing any more, and what it signed still verifies.
 */
export function createSigningKey(folder: string, now: Date = new Date()): PublicAuditKey {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const present = readSigningKey(folder);
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = {
    keyId: keyIdOf(publicKey),
    publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    createdAt: now.toISOString(),
  };
  const entry: PublicAuditKey = {
    ...key,
    introducedBy: present && { keyId: present.keyId, signature: present.sign(introduction(key)) },
  };
  // The public half first: a key that has signed and that nobody knows would be worse than one that never signs.
  writeWhole(join(folder, PUBLIC_FILE), `${JSON.stringify([...readPublicKeys(folder), entry], null, 2)}\n`);
  writeWhole(join(folder, PRIVATE_FILE), privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  return entry;
}

/**
 * The keys that may be believed.
 *
 * @param rootKeyId the first key's id, when it is known from elsewhere than this list.
 * @throws when the list does not hang together.
 */
export function trustedKeys(keys: readonly PublicAuditKey[], rootKeyId?: string): KeyRing {
  const ring = new Map<string, KeyObject>();
  for (const [index, key] of keys.entries()) {
    const publicKey = createPublicKey({
      key: Buffer.from(key.publicKey, "base64"),
      type: "spki",
      format: "der",
    });
    if (keyIdOf(publicKey) !== key.keyId) {
      throw new Error(`The public key ${key.keyId} is not the one its id is of.`);
    }
    if (index === 0 ? rootKeyId !== undefined && rootKeyId !== key.keyId : !isIntroduced(key, ring)) {
      throw new Error(
        `Nobody who is trusted vouches for the public key ${key.keyId}${index === 0 ? `; ${rootKeyId} was expected` : ""}.`,
      );
    }
    ring.set(key.keyId, publicKey);
  }
  return ring;
}

/** Whether a key of the ring made this signature (hexadecimal) of the message. */
export function isSignedBy(ring: KeyRing, keyId: string, message: string, signature: string): boolean {
  const key = ring.get(keyId);
  return key !== undefined && verify(null, Buffer.from(message), key, Buffer.from(signature, "hex"));
}

function isIntroduced(key: PublicAuditKey, ring: KeyRing): boolean {
  const { introducedBy } = key;
  return (
    introducedBy !== null && isSignedBy(ring, introducedBy.keyId, introduction(key), introducedBy.signature)
  );
}

function introduction({ keyId, publicKey, createdAt }: Omit<PublicAuditKey, "introducedBy">): string {
  return jsonArray(["key/1", keyId, publicKey, createdAt]);
}

/** The first 16 hexadecimal digits of the SHA-256 of the key's DER. */
function keyIdOf(key: KeyObject): string {
  const der = key.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex").slice(0, 16);
}

/** A reader finds the old content or the new, never half of it. */
function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: OWNER_ONLY });
  renameSync(`${file}.new`, file);
}
