import { createHash, randomUUID } from "node:crypto";

import {
  type DataKey,
  type DeviceKey,
  deviceKeyMessage,
  generateDataKey,
  generateDeviceKey,
  generateShareKey,
  generateShareToken,
  hashShareToken,
  type RecordIdentity,
  sealRecord,
  signMessage,
  wrapDataKey,
  wrapForShare,
} from "../../vault-client/index.ts";
import type { Actor, Request, RolledBack } from "./rolledBack.ts";

export const CYCLE_DATA = "app_vault.encrypted_cycle_data";

/** A record of cycle data as its owner's client has it. */
export interface StoredRecord extends RecordIdentity {
  key: DataKey;
}

export function newRecord({ userId }: Actor, key = generateDataKey()): StoredRecord {
  return { table: CYCLE_DATA, rowId: randomUUID(), userId, version: 1, key };
}

/** Algorithm, key id, nonce, ciphertext and additional data of a version, in the order of the functions' arguments. */
export async function sealedValues(record: StoredRecord, text = "day 1", version = record.version) {
  const sealed = await sealRecord(record.key, { ...record, version }, Buffer.from(text));
  return [
    sealed.algorithm,
    sealed.keyId,
    Buffer.from(sealed.nonce),
    Buffer.from(sealed.ciphertext),
    Buffer.from(sealed.aad),
  ];
}

export const INSERT_RECORD = `insert into app_vault.encrypted_cycle_data (id, algorithm, key_id, nonce, ciphertext, aad)
  values ($1, $2, $3, $4, $5, $6)`;
export const INSERT_PREFS = INSERT_RECORD.replace("encrypted_cycle_data", "encrypted_user_prefs");
export const UPDATE_RECORD =
  "select version from app_vault.update_cycle_data_optimistic($1, $2, $3, $4, $5, $6, $7)";

/** Stores a new record as its owner would. */
export async function storeRecord(request: Request, owner: Actor, text?: string): Promise<StoredRecord> {
  const record = newRecord(owner);
  await request.rows(INSERT_RECORD, [record.rowId, ...(await sealedValues(record, text))]);
  return record;
}

/** Runs as a signed-in person and keeps what was done: for rows that later requests, on other connections, meet. */
export async function committed<T>(
  db: RolledBack,
  actor: Actor,
  work: (request: Request) => Promise<T>,
): Promise<T> {
  return db.asUser(actor, async (request) => {
    const result = await work(request);
    await request.client.query("commit; begin");
    return result;
  });
}

export interface Shared {
  shareId: string;
  tokenId: string;
  token: string;
  key: Uint8Array<ArrayBuffer>;
}

/** Shares records by a link, and with a clinic if one is named. */
export async function shareRecords(
  request: Request,
  records: readonly StoredRecord[],
  { maxUses = 1, clinicId = null as string | null } = {},
): Promise<Shared> {
  const shareId = String(
    await request.value(
      `insert into app_vault.healthcare_shares (recipient_clinic_id, expires_at)
       values ($1, now() + interval '10 days') returning id`,
      [clinicId],
    ),
  );
  const key = generateShareKey();
  for (const { rowId, key: dataKey } of records) {
    const { keyId, nonce, ciphertext } = await wrapForShare(key, shareId, rowId, dataKey);
    await request.rows(
      `insert into app_vault.healthcare_share_records (share_id, record_id, key_id, nonce, ciphertext)
       values ($1, $2, $3, $4, $5)`,
      [shareId, rowId, keyId, Buffer.from(nonce), Buffer.from(ciphertext)],
    );
  }
  const token = generateShareToken();
  const tokenId = String(
    await request.value(
      `insert into app_vault.share_tokens (share_id, token_hash, max_uses, expires_at)
       values ($1, $2, $3, now() + interval '1 day') returning id`,
      [shareId, Buffer.from(await hashShareToken(token)), maxUses],
    ),
  );
  return { shareId, tokenId, token, key };
}

/** The columns of a device key that a registration hands in. */
export interface DeviceRegistration {
  device: DeviceKey;
  challenge: Buffer;
  proof: Buffer;
  approval: Buffer | null;
  /** What the gateway sets after it has verified the signatures. */
  verified: string;
}

/** Makes a device and lets it, and the approving device, sign a fresh challenge. */
export async function prepareRegistration(
  request: Request,
  { userId }: Actor,
  approver?: RegisteredDevice,
): Promise<DeviceRegistration> {
  const challenge = (await request.value<Buffer>(
    "select (app_vault.request_device_key_challenge()).challenge",
  )) as Buffer;
  const device = await generateDeviceKey();
  const message = deviceKeyMessage(challenge, userId, device, approver?.id ?? null);
  const signers = [device, ...(approver ? [approver.device] : [])];
  return {
    device,
    challenge,
    proof: Buffer.from(await signMessage(device, message)),
    approval: approver ? Buffer.from(await signMessage(approver.device, message)) : null,
    verified: `${createHash("sha256").update(message).digest("hex")}:${signers
      .map(({ signingKey }) => Buffer.from(signingKey).toString("hex"))
      .join(",")}`,
  };
}

/** Says, as the gateway would, which signatures were verified. */
export async function setVerified(request: Request, verified: string): Promise<void> {
  // A request has no set_config and sends no SQL of its own; SET is how a test plays the gateway.
  await request.client.query(`set local app.verified_signatures = '${verified}'`);
}

/** A device whose key is known to the server. */
export interface RegisteredDevice {
  id: string;
  device: DeviceKey;
}

/** Wraps a new data key for a device, as its owner. */
export async function wrapFor(request: Request, { userId }: Actor, { id, device }: RegisteredDevice) {
  const key = generateDataKey();
  const { ephemeralKey, nonce, ciphertext } = await wrapDataKey(key, userId, device);
  await request.attempt(
    `insert into app_vault.wrapped_keys (device_key_id, key_id, ephemeral_key, nonce, ciphertext)
     values ($1, $2, $3, $4, $5)`,
    [id, key.id, Buffer.from(ephemeralKey), Buffer.from(nonce), Buffer.from(ciphertext)],
  );
  return key;
}

/** Registers a device, approved by another if there is one, with what the gateway sets for it. */
export async function registerDevice(
  request: Request,
  owner: Actor,
  approver?: RegisteredDevice,
): Promise<RegisteredDevice> {
  const registration = await prepareRegistration(request, owner, approver);
  await setVerified(request, registration.verified);
  const id = await callRegister(request, registration, approver?.id ?? null);
  return { id, device: registration.device };
}

export async function callRegister(
  request: Request,
  { device, challenge, proof, approval }: DeviceRegistration,
  approvedById: string | null = null,
): Promise<string> {
  const [row] = await request.rows<{ id: string }>(
    "select id from app_vault.register_device_key($1, $2, $3, $4, $5, $6)",
    [
      Buffer.from(device.signingKey),
      Buffer.from(device.agreementKey),
      challenge,
      proof,
      approvedById,
      approval,
    ],
  );
  return String(row?.id);
}

/**
 * Puts a row of a person into every table of the vault. Of two records, one is shared with a clinic and by a link that
 * was used once.
 *
 * @returns the link's token, with one more use.
 */
export async function fillVault(db: RolledBack, owner: Actor, clinicId: string): Promise<string> {
  return committed(db, owner, async (request) => {
    await storeRecord(request, owner);
    const record = await storeRecord(request, owner);
    const prefs = { ...newRecord(owner), table: "app_vault.encrypted_user_prefs" as const };
    await request.rows(INSERT_PREFS, [prefs.rowId, ...(await sealedValues(prefs))]);
    const { token } = await shareRecords(request, [record], { maxUses: 2, clinicId });
    await request.rows("select app_vault.redeem_share($1)", [token]);
    await wrapFor(request, owner, await registerDevice(request, owner));
    await request.rows("select app_vault.request_device_key_challenge()");
    return token;
  });
}
