import { beforeAll, describe, expect, it } from "@jest/globals";

import {
  type Clinic,
  createClinic,
  createMember,
  createOrganization,
  createPerson,
  type Person,
} from "../../../src/access/world/people.ts";
import {
  committed,
  CYCLE_DATA,
  type Shared,
  shareRecords,
  storeRecord,
} from "../../../src/access/world/vaultRows.ts";
import {
  generateShareToken,
  hashShareToken,
  openRecord,
  unwrapFromShare,
} from "../../../src/vault-client/index.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let owner: Person;
let stranger: Person;
let clinic: Clinic;

beforeAll(async () => {
  owner = await createPerson(db.superuser);
  stranger = await createPerson(db.superuser);
  clinic = await createClinic(db.superuser, await createOrganization(db.superuser));
});

const REDEEM = "select * from app_vault.redeem_share($1)";
const redeem = (request: Request, token: string) => request.attempt(REDEEM, [token]);
const isValid = (request: Request, token: string) =>
  request.value<boolean>("select app_vault.validate_share_token($1)", [token]);

interface SharedRow {
  share_id: string;
  record_id: string;
  user_id: string;
  version: number;
  envelope_version: number;
  algorithm: string;
  key_id: string;
  nonce: Uint8Array<ArrayBuffer>;
  ciphertext: Uint8Array<ArrayBuffer>;
  wrapped_key_id: string;
  wrapped_key_nonce: Uint8Array<ArrayBuffer>;
  wrapped_key: Uint8Array<ArrayBuffer>;
}

/** Reads a row as the holder of the link does. */
async function openShared(row: SharedRow, { key }: Shared): Promise<string> {
  const dataKey = await unwrapFromShare(key, row.share_id, row.record_id, {
    keyId: row.wrapped_key_id,
    nonce: row.wrapped_key_nonce,
    ciphertext: row.wrapped_key,
  });
  const { envelope_version: envelopeVersion, algorithm, key_id: keyId, nonce, ciphertext } = row;
  const content = await openRecord(
    dataKey,
    { table: CYCLE_DATA, rowId: row.record_id, userId: row.user_id, version: row.version },
    { envelopeVersion, algorithm, keyId, nonce, ciphertext },
  );
  return Buffer.from(content).toString();
}

describe("redeem_share", () => {
  it("can be called without signing in, and gives the shared records and no others", () =>
    db.asUser(owner, async (request) => {
      const record = await storeRecord(request, owner, "day 14");
      await storeRecord(request, owner, "private");
      const shared = await shareRecords(request, [record]);
      await request.become(null);
      const rows = await request.rows<SharedRow>(REDEEM, [shared.token]);
      expect(await Promise.all(rows.map((row) => openShared(row, shared)))).toEqual(["day 14"]);
    }));

  it.each<[string, string]>([
    ["used up", "update app_vault.share_tokens set uses = max_uses where id = $1"],
    [
      "expired",
      "update app_vault.share_tokens set created_at = now() - interval '2 days', expires_at = now() - interval '1 second' where id = $1",
    ],
    ["revoked", "update app_vault.share_tokens set revoked_at = now() where id = $1"],
    [
      "of a revoked share",
      "update app_vault.healthcare_shares s set revoked_at = now() from app_vault.share_tokens t where t.id = $1 and s.id = t.share_id",
    ],
    [
      "of an expired share",
      `update app_vault.healthcare_shares s set created_at = now() - interval '2 days', expires_at = now() - interval '1 second'
       from app_vault.share_tokens t where t.id = $1 and s.id = t.share_id`,
    ],
    ["unknown", "delete from app_vault.share_tokens where id = $1"],
  ])("denies a token that is %s with one and the same answer", async (_title, sql) => {
    const shared = await committed(db, owner, async (request) =>
      shareRecords(request, [await storeRecord(request, owner)], { maxUses: 2 }),
    );
    const client = await db.superuser.connect();
    try {
      // What only time brings about is written without the triggers that keep people from doing it.
      await client.query("set session_replication_role = replica");
      await client.query(sql, [shared.tokenId]);
    } finally {
      await client.query("reset session_replication_role");
      client.release();
    }
    await db.asAnonymous(async (request) => {
      expect(await isValid(request, shared.token)).toBe(false);
      await expect(redeem(request, shared.token)).rejects.toMatchObject({
        code: "NTFND",
        message: "This link does not exist or can no longer be used.",
      });
    });
  });

  it("denies a token of which one character was changed, and a token's hash", () =>
    db.asUser(owner, async (request) => {
      const { token } = await shareRecords(request, [await storeRecord(request, owner)]);
      const changed = `${token.slice(0, -2)}${token.at(-2) === "A" ? "B" : "A"}${token.slice(-1)}`;
      const hash = Buffer.from(await hashShareToken(token)).toString("hex");
      await request.become(null);
      for (const wrong of [changed, hash, "", generateShareToken()]) {
        await expect(redeem(request, wrong)).rejects.toMatchObject({ code: "NTFND" });
      }
    }));

  it("leaves nothing behind with which the next statement could read", () =>
    db.asUser(owner, async (request) => {
      const { token } = await shareRecords(request, [await storeRecord(request, owner)], { maxUses: 5 });
      await request.become(stranger);
      await redeem(request, token);
      expect(await request.value("select current_setting('app.share_token_hash', true)")).toBe("");
      expect(await request.rows("select id from app_vault.encrypted_cycle_data")).toEqual([]);
    }));
});

describe("validate_share_token", () => {
  it("says whether a token works, and spends no use", () =>
    db.asUser(owner, async (request) => {
      const { token } = await shareRecords(request, [await storeRecord(request, owner)]);
      await request.become(null);
      expect(await isValid(request, token)).toBe(true);
      expect(await isValid(request, generateShareToken())).toBe(false);
      expect(await redeem(request, token)).toBe(1);
      expect(await isValid(request, token)).toBe(false);
    }));
});

describe("a share", () => {
  it.each(["provider", "clinic_admin"] as const)("can be opened by a %s of its clinic", (role) =>
    db.asUser(owner, async (request) => {
      const reader = await createMember(db.superuser, clinic, role);
      const shared = await shareRecords(request, [await storeRecord(request, owner, "day 3")], {
        clinicId: clinic.id,
      });
      await request.become(reader);
      const rows = await request.rows<SharedRow>("select * from app_vault.open_share($1)", [shared.shareId]);
      expect(await Promise.all(rows.map((row) => openShared(row, shared)))).toEqual(["day 3"]);
      await request.become(owner);
      expect(
        await request.rows(
          "select action, reader_id from app_vault.healthcare_access_audit($1) where action = 'opened'",
          [shared.shareId],
        ),
      ).toEqual([{ action: "opened", reader_id: reader.userId }]);
    }),
  );

  it.each(["staff", "viewer", "stranger", "another clinic's provider", "superadmin"])(
    "cannot be opened by the clinic's %s",
    async (kind) => {
      const other = await createClinic(db.superuser, clinic.organizationId);
      const people = {
        staff: () => createMember(db.superuser, clinic, "staff"),
        viewer: () => createMember(db.superuser, clinic, "viewer"),
        stranger: async () => stranger,
        "another clinic's provider": () => createMember(db.superuser, other, "provider"),
        superadmin: () => createPerson(db.superuser, { isSuperadmin: true }),
      };
      const reader = await people[kind as keyof typeof people]();
      await db.asUser(owner, async (request) => {
        const { shareId } = await shareRecords(request, [await storeRecord(request, owner)], {
          clinicId: clinic.id,
        });
        await request.become(reader, { purposeOfUse: "support" });
        await expect(
          request.attempt("select * from app_vault.open_share($1)", [shareId]),
        ).rejects.toMatchObject({ code: "NTFND" });
      });
    },
  );

  it("ends for everybody when it is revoked, with its links, and cannot come back", () =>
    db.asUser(owner, async (request) => {
      const { shareId, token } = await shareRecords(request, [await storeRecord(request, owner)]);
      await request.rows("select app_vault.revoke_healthcare_share($1)", [shareId]);
      for (const [table, column] of [
        ["healthcare_shares", "id"],
        ["share_tokens", "share_id"],
      ]) {
        await expect(
          request.attempt(`update app_vault.${table} set revoked_at = null where ${column} = $1`, [shareId]),
        ).rejects.toMatchObject({ code: "CNFLT" });
      }
      await request.become(null);
      await expect(redeem(request, token)).rejects.toMatchObject({ code: "NTFND" });
    }));

  it("cannot hold a record of somebody else", () =>
    db.asUser(owner, async (request) => {
      const record = await storeRecord(request, owner);
      await request.become(stranger);
      await expect(shareRecords(request, [record])).rejects.toMatchObject({ code: "23503" });
    }));

  it.each([
    ["more than 30 days", "now() + interval '31 days'", 1],
    ["no time", "now()", 1],
    ["101 uses", "now() + interval '1 day'", 101],
  ])("cannot have a link for %s", (_title, expiry, maxUses) =>
    db.asUser(owner, async (request) => {
      const { shareId } = await shareRecords(request, []);
      await expect(
        request.attempt(
          `insert into app_vault.share_tokens (share_id, token_hash, max_uses, expires_at)
           values ($1, sha256('x'), $2, ${expiry})`,
          [shareId, maxUses],
        ),
      ).rejects.toMatchObject({ code: "23514" });
    }),
  );
});
