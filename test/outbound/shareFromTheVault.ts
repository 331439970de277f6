import { randomUUID } from "node:crypto";

import {
  base64FromBytes,
  generateDataKey,
  generateShareKey,
  generateShareToken,
  hashShareToken,
  sealRecord,
  wrapForShare,
} from "../../src/vault-client/index.ts";
import type { Actor } from "../support/database.ts";
import type { TestGateway } from "../support/graphql.ts";
import { ask } from "./ask.ts";

/** Somebody shares a record by a link, which is opened. @returns the link's token and the keys, as a client writes them. */
export async function shareFromTheVault(api: TestGateway, owner: Actor): Promise<string[]> {
  const key = generateDataKey();
  const record = {
    table: "app_vault.encrypted_cycle_data",
    rowId: randomUUID(),
    userId: owner.userId,
    version: 1,
  } as const;
  const { algorithm, keyId, nonce, ciphertext, aad } = await sealRecord(
    key,
    record,
    Buffer.from("canary-sealed"),
  );
  await ask(
    api,
    owner,
    `mutation ($input: CreateEncryptedCycleRecordInput!) {
      createEncryptedCycleRecord(input: $input) { clientMutationId }
    }`,
    {
      encryptedCycleRecord: {
        rowId: record.rowId,
        algorithm,
        keyId,
        nonce: base64FromBytes(nonce),
        ciphertext: base64FromBytes(ciphertext),
        aad: base64FromBytes(aad),
      },
    },
  );
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  const { healthcareShare } = await ask<{ healthcareShare: { rowId: string } }>(
    api,
    owner,
    `mutation ($input: CreateHealthcareShareInput!) {
      createHealthcareShare(input: $input) { healthcareShare { rowId } }
    }`,
    { healthcareShare: { expiresAt: inAnHour } },
  );
  const shareKey = generateShareKey();
  const wrap = await wrapForShare(shareKey, healthcareShare.rowId, record.rowId, key);
  await ask(
    api,
    owner,
    `mutation ($input: CreateHealthcareShareRecordInput!) {
      createHealthcareShareRecord(input: $input) { clientMutationId }
    }`,
    {
      healthcareShareRecord: {
        shareId: healthcareShare.rowId,
        recordId: record.rowId,
        keyId: wrap.keyId,
        nonce: base64FromBytes(wrap.nonce),
        ciphertext: base64FromBytes(wrap.ciphertext),
      },
    },
  );
  const token = generateShareToken();
  await ask(
    api,
    owner,
    "mutation ($input: CreateShareTokenInput!) { createShareToken(input: $input) { clientMutationId } }",
    {
      shareToken: {
        shareId: healthcareShare.rowId,
        tokenHash: base64FromBytes(await hashShareToken(token)),
        expiresAt: inAnHour,
      },
    },
  );
  await ask(
    api,
    null,
    "mutation ($input: RedeemShareInput!) { redeemShare(input: $input) { result { recordId } } }",
    { token },
  );
  return [token, base64FromBytes(shareKey), base64FromBytes(key.bytes)];
}
