import { describe, expect, it } from "@jest/globals";

import {
  type CryptoEnvelope,
  generateDataKey,
  MAXIMUM_CONTENT_BYTES,
  openRecord,
  type RecordIdentity,
  sealRecord,
} from "../../src/vault-client/index.ts";

const key = generateDataKey();
const identity: RecordIdentity = {
  table: "app_vault.encrypted_cycle_data",
  rowId: "0192a1b2-0000-7000-8000-000000000001",
  userId: "0192a1b2-0000-7000-8000-000000000002",
  version: 3,
};
const CONTENT = Buffer.from("day 14, 36.6");
const refused = (reason: string) => expect.objectContaining({ name: "VaultError", reason });

describe("a sealed record", () => {
  it.each([0, 1, 251, 252, 253, MAXIMUM_CONTENT_BYTES])(
    "can be opened again with %d bytes",
    async (length) => {
      const content = new Uint8Array(length).fill(7);
      expect(await openRecord(key, identity, await sealRecord(key, identity, content))).toEqual(content);
    },
  );

  it("cannot hold more than the server takes", async () => {
    const largest = await sealRecord(key, identity, new Uint8Array(MAXIMUM_CONTENT_BYTES));
    expect(largest.ciphertext).toHaveLength(65_536);
    await expect(sealRecord(key, identity, new Uint8Array(MAXIMUM_CONTENT_BYTES + 1))).rejects.toEqual(
      refused("TOO_LARGE"),
    );
  });

  it("shows only the class of its size", async () => {
    const sizes = await Promise.all(
      [1, 100, 252, 253, 508].map(async (length) => {
        const { ciphertext } = await sealRecord(key, identity, new Uint8Array(length));
        return ciphertext.length - 16;
      }),
    );
    expect(sizes).toEqual([256, 256, 256, 512, 512]);
  });

  it("has another nonce each time", async () => {
    const nonces = await Promise.all(
      Array.from({ length: 100 }, async () => (await sealRecord(key, identity, CONTENT)).nonce.join()),
    );
    expect(new Set(nonces).size).toBe(100);
  });

  it.each<[string, Partial<RecordIdentity>]>([
    ["in another row", { rowId: "0192a1b2-0000-7000-8000-00000000000a" }],
    ["as another person's", { userId: "0192a1b2-0000-7000-8000-00000000000b" }],
    ["as another version", { version: 4 }],
    ["in another table", { table: "app_vault.encrypted_user_prefs" }],
  ])("cannot be opened %s", async (_title, change) => {
    const { aad: _aad, ...envelope } = await sealRecord(key, identity, CONTENT);
    await expect(openRecord(key, { ...identity, ...change }, envelope)).rejects.toEqual(
      refused("CANNOT_OPEN"),
    );
  });

  it("cannot be opened with another key, under its own id or that of the right one", async () => {
    const envelope = await sealRecord(key, identity, CONTENT);
    const other = generateDataKey();
    await expect(openRecord(other, identity, envelope)).rejects.toEqual(refused("CANNOT_OPEN"));
    await expect(openRecord({ ...other, id: key.id }, identity, envelope)).rejects.toEqual(
      refused("CANNOT_OPEN"),
    );
  });

  it.each(["nonce", "ciphertext", "aad"] as const)(
    "cannot be opened with one bit of its %s changed",
    async (part) => {
      const envelope = await sealRecord(key, identity, CONTENT);
      envelope[part][5] = (envelope[part][5] ?? 0) ^ 1;
      await expect(openRecord(key, identity, envelope)).rejects.toEqual(refused("CANNOT_OPEN"));
    },
  );

  it("cannot be opened after the server has swapped two ciphertexts, nonces and all", async () => {
    const other = { ...identity, rowId: "0192a1b2-0000-7000-8000-00000000000c" };
    const one = await sealRecord(key, identity, CONTENT);
    const two = await sealRecord(key, other, CONTENT);
    const swap = (from: CryptoEnvelope, to: CryptoEnvelope) => ({
      ...to,
      nonce: from.nonce,
      ciphertext: from.ciphertext,
    });
    await expect(openRecord(key, identity, swap(two, one))).rejects.toEqual(refused("CANNOT_OPEN"));
    await expect(openRecord(key, other, swap(one, two))).rejects.toEqual(refused("CANNOT_OPEN"));
  });

  it("is refused as rolled back when it is older than what was seen, and not when it is as old or newer", async () => {
    const envelope = await sealRecord(key, identity, CONTENT);
    await expect(openRecord(key, identity, envelope, 4)).rejects.toEqual(refused("ROLLED_BACK"));
    expect(Buffer.from(await openRecord(key, identity, envelope, 3))).toEqual(CONTENT);
    expect(Buffer.from(await openRecord(key, identity, envelope, 2))).toEqual(CONTENT);
  });

  it("cannot hide an old content behind a new version number", async () => {
    const old = await sealRecord(key, identity, CONTENT);
    const claimed = { ...identity, version: 4 };
    const { aad } = await sealRecord(key, claimed, CONTENT);
    await expect(openRecord(key, claimed, { ...old, aad }, 4)).rejects.toEqual(refused("CANNOT_OPEN"));
  });

  it.each([{ algorithm: "XChaCha20-Poly1305" }, { envelopeVersion: 2 }])(
    "is refused as unsupported with %j",
    async (change) => {
      const envelope = await sealRecord(key, identity, CONTENT);
      await expect(openRecord(key, identity, { ...envelope, ...change })).rejects.toEqual(
        refused("UNSUPPORTED"),
      );
    },
  );
});
