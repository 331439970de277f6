import { beforeAll, describe, expect, it } from "@jest/globals";

import { createSession } from "../../src/access/world/people.ts";
import { demoUserId } from "../../src/seed/demoPeople.ts";
import { DEMO_SHARE, makeDemoDevice } from "../../src/seed/demoVault.ts";
import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import {
  type Bytes,
  openRecord,
  trustedDevices,
  unwrapDataKey,
  unwrapFromShare,
} from "../../src/vault-client/index.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
const userId = demoUserId("pat");
const textOf = (bytes: Bytes) => JSON.parse(Buffer.from(bytes).toString());
const bytesOf = (buffer: Buffer): Bytes => new Uint8Array(buffer);

beforeAll(() => seedDatabase(db));

describe("Pat's demo vault", () => {
  it("opens with the documented device, through what Pat may read", async () => {
    const device = await makeDemoDevice();
    const pat = { userId, sessionId: await createSession(db.superuser, userId) };
    const records = await db.asUser(pat, ({ rows }) =>
      rows(
        `select r.id, r.version, r.envelope_version as "envelopeVersion", r.algorithm, r.key_id as "keyId", r.nonce,
           r.ciphertext, w.ephemeral_key, w.nonce as wrap_nonce, w.ciphertext as wrap_ciphertext
         from app_vault.encrypted_cycle_data r
         join app_vault.wrapped_keys w on w.key_id = r.key_id
         order by r.created_at, r.id`,
      ),
    );
    const opened = await Promise.all(
      records.map(async ({ ephemeral_key, wrap_nonce, wrap_ciphertext, id, version, ...envelope }) => {
        const wrap = {
          keyId: envelope.keyId,
          ephemeralKey: ephemeral_key,
          nonce: wrap_nonce,
          ciphertext: wrap_ciphertext,
        };
        const key = await unwrapDataKey(wrap, userId, device);
        const identity = { table: "app_vault.encrypted_cycle_data", rowId: id, userId, version } as const;
        return textOf(await openRecord(key, identity, envelope as Parameters<typeof openRecord>[2]));
      }),
    );
    expect(opened.map(({ startedOn }) => startedOn).toSorted()).toEqual(["2026-01-08", "2026-02-06"]);
  });

  it("has a device whose keys a client trusts by its fingerprint", async () => {
    const { rows } = await db.superuser.query(
      `select id, signing_key as "signingKey", agreement_key as "agreementKey", state::text, challenge, proof,
         approved_by_id as "approvedById", approval, fingerprint from app_vault.device_keys`,
    );
    expect(await trustedDevices(userId, rows, [rows[0].fingerprint])).toHaveLength(1);
  });

  it("is shared by a link of which the database has the hash only", async () => {
    const [record, ...others] = await db.asAnonymous(({ rows }) =>
      rows(
        `select share_id, record_id, user_id, version, envelope_version as "envelopeVersion", algorithm, key_id as "keyId",
           nonce, ciphertext, wrapped_key_id, wrapped_key_nonce, wrapped_key from app_vault.redeem_share($1)`,
        [DEMO_SHARE.token],
      ),
    );
    expect(others).toEqual([]);
    const {
      share_id,
      record_id,
      user_id,
      version,
      wrapped_key_id,
      wrapped_key_nonce,
      wrapped_key,
      ...envelope
    } = record ?? {};
    const key = await unwrapFromShare(DEMO_SHARE.key, share_id, record_id, {
      keyId: wrapped_key_id,
      nonce: bytesOf(wrapped_key_nonce),
      ciphertext: bytesOf(wrapped_key),
    });
    const identity = {
      table: "app_vault.encrypted_cycle_data",
      rowId: record_id,
      userId: user_id,
      version,
    } as const;
    const content = await openRecord(key, identity, envelope as Parameters<typeof openRecord>[2]);
    expect(textOf(content).startedOn).toBe("2026-02-06");
  });

  it("stays as its owner has made it", async () => {
    await db.superuser.query("delete from app_vault.wrapped_keys");
    expect(await seedDatabase(db)).not.toHaveProperty("wrapped_keys");
    expect((await db.superuser.query("select from app_vault.wrapped_keys")).rowCount).toBe(0);
  });
});
