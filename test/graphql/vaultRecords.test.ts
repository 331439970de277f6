import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../src/access/world/people.ts";
import {
  base64FromBytes,
  bytesFromBase64,
  type CryptoEnvelope,
  generateDataKey,
  generateShareKey,
  generateShareToken,
  hashShareToken,
  openRecord,
  type RecordIdentity,
  sealRecord,
  unwrapFromShare,
  wrapForShare,
} from "../../src/vault-client/index.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let owner: Person;
let stranger: Person;

beforeAll(async () => {
  owner = await createPerson(db.superuser);
  stranger = await createPerson(db.superuser, { isSuperadmin: true });
});

const CREATE_RECORD = `mutation ($record: EncryptedCycleRecordInput!) {
  createEncryptedCycleRecord(input: { encryptedCycleRecord: $record }) { encryptedCycleRecord { rowId userId version } } }`;
const UPDATE_RECORD = `mutation ($input: UpdateCycleDataOptimisticInput!) {
  updateCycleDataOptimistic(input: $input) { result { version } } }`;

const sealedInput = ({ algorithm, keyId, nonce, ciphertext, aad }: CryptoEnvelope) => ({
  algorithm,
  keyId,
  nonce: base64FromBytes(nonce),
  ciphertext: base64FromBytes(ciphertext),
  aad: base64FromBytes(aad),
});

async function createRecord(text: string) {
  const key = generateDataKey();
  const identity: RecordIdentity = {
    table: "app_vault.encrypted_cycle_data",
    rowId: randomUUID(),
    userId: owner.userId,
    version: 1,
  };
  const envelope = await sealRecord(key, identity, Buffer.from(text));
  const record = { rowId: identity.rowId, ...sealedInput(envelope) };
  const { data, errors } = await api.query(owner, CREATE_RECORD, { variables: { record } });
  expect(errors).toBeUndefined();
  expect(data.createEncryptedCycleRecord.encryptedCycleRecord.version).toBe(1);
  return { key, identity };
}

describe("an encrypted record", () => {
  it("can be made, changed and read by its owner, and by nobody else", async () => {
    const { key, identity } = await createRecord("day 1");
    const next = { ...identity, version: 2 };
    const sealed = await sealRecord(key, next, Buffer.from("day 2"));
    const input = { recordId: identity.rowId, expectedVersion: 1, ...sealedInput(sealed) };
    const changed = await api.query(owner, UPDATE_RECORD, { variables: { input } });
    expect(changed.data.updateCycleDataOptimistic.result.version).toBe(2);

    const late = await api.query(owner, UPDATE_RECORD, { variables: { input } });
    expect(late.errors?.[0]).toMatchObject({
      message: "The record has version 2 now.",
      extensions: { code: "CONFLICT" },
    });
    const foreign = await api.query(stranger, UPDATE_RECORD, { variables: { input } });
    expect(foreign.errors?.[0]?.extensions?.code).toBe("NOT_FOUND");

    const QUERY =
      "{ encryptedCycleRecords { nodes { rowId version envelopeVersion algorithm keyId nonce ciphertext } } }";
    const { data } = await api.query(owner, QUERY);
    const [node] = data.encryptedCycleRecords.nodes;
    const envelope = {
      ...node,
      nonce: bytesFromBase64(node.nonce),
      ciphertext: bytesFromBase64(node.ciphertext),
    };
    expect(Buffer.from(await openRecord(key, next, envelope, 1)).toString()).toBe("day 2");
    const seen = await api.query(stranger, QUERY, { headers: { "x-purpose-of-use": "emergency" } });
    expect(seen.data.encryptedCycleRecords.nodes).toEqual([]);
    expect((await api.query(null, QUERY)).errors?.[0]?.extensions?.code).toBe("UNAUTHENTICATED");
  });
});

describe("a share", () => {
  it("can be redeemed once by whoever has the link, signed in or not", async () => {
    const { key, identity } = await createRecord("shared day");
    const made = await api.query(
      owner,
      `mutation ($until: Datetime!) { createHealthcareShare(input: { healthcareShare: { expiresAt: $until } }) {
        healthcareShare { rowId } } }`,
      { variables: { until: new Date(Date.now() + 86_400_000).toISOString() } },
    );
    const shareId = made.data.createHealthcareShare.healthcareShare.rowId;
    const shareKey = generateShareKey();
    const wrap = await wrapForShare(shareKey, shareId, identity.rowId, key);
    const token = generateShareToken();
    const filled = await api.query(
      owner,
      `mutation ($record: HealthcareShareRecordInput!, $token: ShareTokenInput!) {
        createHealthcareShareRecord(input: { healthcareShareRecord: $record }) { clientMutationId }
        createShareToken(input: { shareToken: $token }) { shareToken { maxUses uses } } }`,
      {
        variables: {
          record: {
            shareId,
            recordId: identity.rowId,
            keyId: wrap.keyId,
            nonce: base64FromBytes(wrap.nonce),
            ciphertext: base64FromBytes(wrap.ciphertext),
          },
          token: {
            shareId,
            tokenHash: base64FromBytes(await hashShareToken(token)),
            expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
          },
        },
      },
    );
    expect(filled.errors).toBeUndefined();

    const REDEEM = `mutation ($token: String!) { redeemShare(input: { token: $token }) { result {
      shareId recordId userId version envelopeVersion algorithm keyId nonce ciphertext wrappedKeyId wrappedKeyNonce wrappedKey } } }`;
    const VALID = "query ($token: String!) { validateShareToken(token: $token) }";
    expect((await api.query(null, VALID, { variables: { token } })).data.validateShareToken).toBe(true);
    const { data, errors } = await api.query(null, REDEEM, { variables: { token } });
    expect(errors).toBeUndefined();
    const [row] = data.redeemShare.result;
    const dataKey = await unwrapFromShare(shareKey, row.shareId, row.recordId, {
      keyId: row.wrappedKeyId,
      nonce: bytesFromBase64(row.wrappedKeyNonce),
      ciphertext: bytesFromBase64(row.wrappedKey),
    });
    const content = await openRecord(
      dataKey,
      { ...identity, version: row.version },
      { ...row, nonce: bytesFromBase64(row.nonce), ciphertext: bytesFromBase64(row.ciphertext) },
    );
    expect(Buffer.from(content).toString()).toBe("shared day");

    const again = await api.query(null, REDEEM, { variables: { token } });
    const unknown = await api.query(null, REDEEM, { variables: { token: generateShareToken() } });
    const withoutId = ({ text }: { text: string }) => text.replace(/"requestId":"[^"]+"/, "");
    expect(again.errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    expect(withoutId(again)).toBe(withoutId(unknown));

    const audit = await api.query(owner, "{ healthcareAccessAudit { nodes { action shareId readerId } } }");
    expect(audit.data.healthcareAccessAudit.nodes).toContainEqual({
      action: "opened",
      shareId,
      readerId: null,
    });
  });
});
