import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import {
  committed,
  INSERT_PREFS,
  INSERT_RECORD,
  newRecord,
  sealedValues,
  storeRecord,
  UPDATE_RECORD,
} from "../../../src/access/world/vaultRows.ts";
import { openRecord } from "../../../src/vault-client/index.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";
import { race } from "./race.ts";

const db = useTestDatabase();
let owner: Person;
let stranger: Person;

beforeAll(async () => {
  owner = await createPerson(db.superuser);
  stranger = await createPerson(db.superuser);
});

/** The columns of a valid new record, to be changed by a test. */
async function validRow() {
  const record = newRecord(owner);
  const [algorithm, keyId, nonce, ciphertext, aad] = await sealedValues(record);
  return { id: record.rowId, algorithm, keyId, nonce, ciphertext, aad } as Record<string, unknown>;
}

const insertRow = (request: Request, row: Record<string, unknown>) =>
  request.attempt(INSERT_RECORD, [row.id, row.algorithm, row.keyId, row.nonce, row.ciphertext, row.aad]);

describe("an envelope", () => {
  it("can be stored by its owner, and opens again from what is stored", () =>
    db.asUser(owner, async (request) => {
      const record = await storeRecord(request, owner, "cramps");
      const [row] = await request.rows(
        `select user_id, version, envelope_version as "envelopeVersion", algorithm, key_id as "keyId", nonce, ciphertext, aad
         from app_vault.encrypted_cycle_data`,
      );
      expect(row).toMatchObject({ user_id: owner.userId, version: 1 });
      const opened = await openRecord(record.key, record, row as Parameters<typeof openRecord>[2]);
      expect(Buffer.from(opened).toString()).toBe("cramps");
    }));

  it.each<[string, (row: Record<string, unknown>) => void]>([
    ["a nonce of 11 bytes", (row) => (row.nonce = Buffer.alloc(11))],
    ["a nonce of 24 bytes with AES-256-GCM", (row) => (row.nonce = Buffer.alloc(24))],
    ["an unknown algorithm", (row) => (row.algorithm = "AES-128-CBC")],
    ["an empty ciphertext", (row) => (row.ciphertext = Buffer.alloc(0))],
    ["a ciphertext of 15 bytes", (row) => (row.ciphertext = Buffer.alloc(15))],
    ["a ciphertext of more than 64 KiB", (row) => (row.ciphertext = Buffer.alloc(65_537))],
    ["additional data of another row", (row) => (row.id = randomUUID())],
    ["additional data of another key", (row) => (row.keyId = randomUUID())],
    ["no additional data", (row) => (row.aad = Buffer.alloc(0))],
  ])("cannot have %s", (_title, change) =>
    db.asUser(owner, async (request) => {
      const row = await validRow();
      change(row);
      await expect(insertRow(request, row)).rejects.toMatchObject({ code: "23514" });
    }),
  );

  it("cannot have the additional data of another person", () =>
    db.asUser(stranger, async (request) => {
      await expect(insertRow(request, await validRow())).rejects.toMatchObject({ code: "23514" });
    }));

  it("can be sealed with XChaCha20-Poly1305 by clients that have it", () =>
    db.asUser(owner, async (request) => {
      const row = { ...(await validRow()), algorithm: "XChaCha20-Poly1305", nonce: Buffer.alloc(24, 7) };
      const aad = await request.value(
        `select app_hidden.envelope_aad('app_vault.encrypted_cycle_data', $1, auth.uid(), 1, 1::smallint, $2, $3)`,
        [(row as Record<string, unknown>).id, row.algorithm, (row as Record<string, unknown>).keyId],
      );
      expect(await insertRow(request, { ...row, aad })).toBe(1);
    }));

  it("cannot use a nonce twice with one key, not even one that was overwritten or is in another table", () =>
    db.asUser(owner, async (request) => {
      const record = newRecord(owner);
      const first = await sealedValues(record);
      await request.rows(INSERT_RECORD, [record.rowId, ...first]);
      const second = await sealedValues(record, "day 2", 2);
      await request.rows(UPDATE_RECORD, [record.rowId, 1, ...second]);
      const third = await sealedValues(record, "day 3", 3);
      await expect(
        request.attempt(UPDATE_RECORD, [record.rowId, 2, third[0], third[1], first[2], third[3], third[4]]),
      ).rejects.toMatchObject({ code: "BADIN" });
      const prefs = { ...newRecord(owner, record.key), table: "app_vault.encrypted_user_prefs" as const };
      const sealed = await sealedValues(prefs);
      await expect(
        request.attempt(INSERT_PREFS, [prefs.rowId, sealed[0], sealed[1], first[2], sealed[3], sealed[4]]),
      ).rejects.toMatchObject({ code: "BADIN" });
      expect(await request.attempt(INSERT_PREFS, [prefs.rowId, ...sealed])).toBe(1);
    }));
});

describe("update_cycle_data_optimistic", () => {
  it("gives a record its next version", () =>
    db.asUser(owner, async (request) => {
      const record = await storeRecord(request, owner);
      const values = await sealedValues(record, "day 2", 2);
      expect(await request.value(UPDATE_RECORD, [record.rowId, 1, ...values])).toBe(2);
    }));

  it("denies a stale version and says which one is there", () =>
    db.asUser(owner, async (request) => {
      const record = await storeRecord(request, owner);
      await request.rows(UPDATE_RECORD, [record.rowId, 1, ...(await sealedValues(record, "day 2", 2))]);
      await expect(
        request.attempt(UPDATE_RECORD, [record.rowId, 1, ...(await sealedValues(record, "late", 2))]),
      ).rejects.toMatchObject({ code: "CNFLT", message: "The record has version 2 now." });
    }));

  it("denies what is somebody else's in the words for what does not exist", () =>
    db.asUser(owner, async (request) => {
      const record = await storeRecord(request, owner);
      const values = await sealedValues(record, "x", 2);
      await request.become(stranger);
      await expect(request.attempt(UPDATE_RECORD, [record.rowId, 1, ...values])).rejects.toMatchObject({
        code: "NTFND",
      });
    }));

  it("cannot be got round: an update that skips or keeps the version is refused", () =>
    db.asUser(owner, async (request) => {
      const record = await storeRecord(request, owner);
      for (const version of [1, 3, 0]) {
        const values = await sealedValues(record, "x", version);
        await expect(
          request.attempt(
            `update app_vault.encrypted_cycle_data
             set version = $2, algorithm = $3, key_id = $4, nonce = $5, ciphertext = $6, aad = $7 where id = $1`,
            [record.rowId, version, ...values],
          ),
        ).rejects.toMatchObject({ code: "BADIN" });
      }
    }));

  it("has exactly one winner among 100 at once", async () => {
    const record = await committed(db, owner, (request) => storeRecord(request, owner));
    const calls = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => ({
        text: UPDATE_RECORD,
        values: [record.rowId, 1, ...(await sealedValues(record, `attempt ${index}`, 2))],
      })),
    );
    const outcomes = (await race(db, owner, calls)).map((outcome) =>
      outcome.status === "fulfilled" ? "won" : `${outcome.reason.code} ${outcome.reason.message}`,
    );
    expect(outcomes.filter((outcome) => outcome === "won")).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(["won", "CNFLT The record has version 2 now."]));
  }, 60_000);
});
