import { createHash } from "node:crypto";

import {
  type Bytes,
  type DataKey,
  type DeviceKey,
  deviceKeyMessage,
  type DevicePublicKeys,
  hashShareToken,
  sealRecord,
  type ShareSecrets,
  signMessage,
  wrapDataKey,
  wrapForShare,
} from "../vault-client/index.ts";
import { type DemoRows, inClinic } from "./demoClinics.ts";
import { demoId } from "./demoId.ts";
import { demoUserId } from "./demoPeople.ts";

/** What stands before a raw private key in PKCS #8 (RFC 8410). */
const PKCS8_PREFIX = {
  Ed25519: "302e020100300506032b657004220420",
  X25519: "302e020100300506032b656e04220420",
};
const DEVICE_PUBLIC_KEYS: DevicePublicKeys = {
  signingKey: bytesOf(Buffer.from("a6514c3ef2b4700d0dac74433d773fc35560399cd77b5d7569fad102df84d45b", "hex")),
  agreementKey: bytesOf(
    Buffer.from("0f750fc82bb18c0bb473f08a5084956c4dfb8440b2348c9338efe4ca99a7c83c", "hex"),
  ),
};

/** 32 bytes that everybody knows: the demo vault is for clients to try themselves on, and protects nothing. */
function demoSecret(name: string): Bytes {
  return bytesOf(createHash("sha256").update(`bailiwick demo vault: ${name}`).digest());
}

function bytesOf(buffer: Buffer): Bytes {
  return new Uint8Array(buffer);
}

/**
 * Pat's device. Its private keys are the SHA-256 of `bailiwick demo vault: device signing` (Ed25519) and
 * `bailiwick demo vault: device agreement` (X25519), so that any client can open the demo records.
 */
export async function makeDemoDevice(): Promise<DeviceKey> {
  const importPrivate = (algorithm: "Ed25519" | "X25519", name: string, usage: "sign" | "deriveBits") => {
    const key = Buffer.concat([Buffer.from(PKCS8_PREFIX[algorithm], "hex"), demoSecret(name)]);
    return crypto.subtle.importKey("pkcs8", bytesOf(key), algorithm, false, [usage]);
  };
  return {
    signing: await importPrivate("Ed25519", "device signing", "sign"),
    agreement: await importPrivate("X25519", "device agreement", "deriveBits"),
    ...DEVICE_PUBLIC_KEYS,
  };
}

/** What Pat's link to the demo share carries: the SHA-256 of `bailiwick demo vault: share token`, and `… share key`. */
export const DEMO_SHARE: ShareSecrets = {
  token: Buffer.from(demoSecret("share token")).toString("base64url"),
  key: demoSecret("share key"),
};

const USER_ID = demoUserId("pat");
const DEVICE_ID = demoId("device_key/pat");
const SHARE_ID = demoId("healthcare_share/pat");
const MONTH_MILLISECONDS = 30 * 24 * 60 * 60 * 1000;

/** Each shared record has a data key of its own, so that its share opens nothing else. */
const CONTENTS = [
  { table: "encrypted_user_prefs", name: "prefs", content: { theme: "dark", reminders: true } },
  {
    table: "encrypted_cycle_data",
    name: "cycle/2026-01",
    content: { startedOn: "2026-01-08", length: 29, symptoms: ["cramps"] },
  },
  {
    table: "encrypted_cycle_data",
    name: "cycle/2026-02",
    content: { startedOn: "2026-02-06", length: 28, symptoms: [] },
  },
] as const;
const SHARED_NAME = "cycle/2026-02";

/** Pat's part of the vault: what has to be there before the device key is inserted, and all rows in their order. */
export interface DemoVault {
  device: DeviceKey;
  /** For `app_vault.device_key_challenges`; registering the device uses it up. */
  challenge: Bytes;
  /** What the device signed. */
  message: Bytes;
  proof: Bytes;
  rows: DemoRows;
}

/**
 * Seals Pat's records as a client would: with random nonces, so what is stored differs from database to database, and what
 * the demo device opens does not.
 *
 * @param now the share and its link are open from then on for a month, the longest that a link may be.
 */
export async function makeDemoVault(now: Date): Promise<DemoVault> {
  const device = await makeDemoDevice();
  const challenge = demoSecret("challenge");
  const message = deviceKeyMessage(challenge, USER_ID, device, null);
  const proof = await signMessage(device, message);
  const deviceRow = {
    id: DEVICE_ID,
    user_id: USER_ID,
    signing_key: hex(device.signingKey),
    agreement_key: hex(device.agreementKey),
    challenge: hex(challenge),
    proof: hex(proof),
  };
  const rows = {
    device_keys: [deviceRow],
    ...(await makeRecordRows(device)),
    ...(await makeShareRows(now)),
  };
  return { device, challenge, message, proof, rows };
}

function dataKeyOf(name: string): DataKey {
  return { id: demoId(`data_key/pat/${name}`), bytes: demoSecret(`data key of ${name}`) };
}

async function makeRecordRows(device: DeviceKey): Promise<DemoRows> {
  const rows = { encrypted_user_prefs: [] as object[], encrypted_cycle_data: [] as object[] };
  const wraps: object[] = [];
  for (const { table, name, content } of CONTENTS) {
    const key = dataKeyOf(name);
    const rowId = demoId(`${table}/pat/${name}`);
    const identity = { table: `app_vault.${table}`, rowId, userId: USER_ID, version: 1 } as const;
    const envelope = await sealRecord(key, identity, Buffer.from(JSON.stringify(content)));
    rows[table].push({
      id: rowId,
      user_id: USER_ID,
      version: 1,
      envelope_version: envelope.envelopeVersion,
      algorithm: envelope.algorithm,
      key_id: key.id,
      nonce: hex(envelope.nonce),
      ciphertext: hex(envelope.ciphertext),
      aad: hex(envelope.aad),
    });
    const wrap = await wrapDataKey(key, USER_ID, device);
    wraps.push({
      id: demoId(`wrapped_key/pat/${name}`),
      user_id: USER_ID,
      device_key_id: DEVICE_ID,
      key_id: key.id,
      ephemeral_key: hex(wrap.ephemeralKey),
      nonce: hex(wrap.nonce),
      ciphertext: hex(wrap.ciphertext),
    });
  }
  return { ...rows, wrapped_keys: wraps } as DemoRows;
}

async function makeShareRows(now: Date): Promise<DemoRows> {
  const recordId = demoId(`encrypted_cycle_data/pat/${SHARED_NAME}`);
  const wrap = await wrapForShare(DEMO_SHARE.key, SHARE_ID, recordId, dataKeyOf(SHARED_NAME));
  const ofShare = { user_id: USER_ID, share_id: SHARE_ID };
  const openUntil = {
    created_at: now.toISOString(),
    expires_at: new Date(now.getTime() + MONTH_MILLISECONDS).toISOString(),
  };
  return {
    healthcare_shares: [
      {
        id: SHARE_ID,
        user_id: USER_ID,
        recipient_clinic_id: inClinic("downtown").clinic_id,
        ...openUntil,
      },
    ],
    healthcare_share_records: [
      {
        id: demoId("healthcare_share_record/pat"),
        ...ofShare,
        record_id: recordId,
        key_id: wrap.keyId,
        nonce: hex(wrap.nonce),
        ciphertext: hex(wrap.ciphertext),
      },
    ],
    share_tokens: [
      {
        id: demoId("share_token/pat"),
        ...ofShare,
        token_hash: hex(await hashShareToken(DEMO_SHARE.token)),
        max_uses: 100,
        ...openUntil,
      },
    ],
    share_accesses: [
      {
        id: demoId("share_access/alice"),
        ...ofShare,
        reader_id: demoUserId("alice"),
        accessed_at: now.toISOString(),
      },
    ],
  };
}

/** As Postgres reads a bytea from text. */
function hex(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString("hex")}`;
}
