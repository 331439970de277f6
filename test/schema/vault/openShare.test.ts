import { beforeAll, describe, expect, it } from "@jest/globals";

import {
  type Clinic,
  createClinic,
  createMember,
  createOrganization,
  createPerson,
  type Person,
} from "../../../src/access/world/people.ts";
import { committed, shareRecords, storeRecord } from "../../../src/access/world/vaultRows.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let owner: Person;
let clinic: Clinic;

beforeAll(async () => {
  owner = await createPerson(db.superuser);
  clinic = await createClinic(db.superuser, await createOrganization(db.superuser));
});

describe("a share of several (open_share)", () => {
  it("is opened by its own id, and the clinic's other ones stay closed and off the record", () =>
    db.asUser(owner, async (request) => {
      const reader = await createMember(db.superuser, clinic, "provider");
      const give = async (content: string) =>
        shareRecords(request, [await storeRecord(request, owner, content)], { clinicId: clinic.id });
      const [one, other] = [await give("one"), await give("other")];
      await request.become(reader);
      const rows = await request.rows<{ share_id: string }>("select * from app_vault.open_share($1)", [
        one.shareId,
      ]);
      expect(rows.map((row) => row.share_id)).toEqual([one.shareId]);
      await expect(
        request.attempt("select * from app_vault.open_share(gen_random_uuid())"),
      ).rejects.toMatchObject({ code: "NTFND" });
      await request.become(owner);
      const opened = (id: string) =>
        request.rows("select reader_id from app_vault.healthcare_access_audit($1) where action = 'opened'", [
          id,
        ]);
      expect(await opened(one.shareId)).toEqual([{ reader_id: reader.userId }]);
      expect(await opened(other.shareId)).toEqual([]);
    }));
});

describe("a share of somebody whose account is closed", () => {
  it("opens for nobody, by its links or in its clinic, until the account is open again", async () => {
    const sharer = await createPerson(db.superuser);
    const reader = await createMember(db.superuser, clinic, "provider");
    const { shareId, token } = await committed(db, sharer, async (request) =>
      shareRecords(request, [await storeRecord(request, sharer)], { clinicId: clinic.id, maxUses: 2 }),
    );
    const setClosed = (at: string) =>
      db.superuser.query(`update app_public.users set deleted_at = ${at} where id = $1`, [sharer.userId]);
    const isValid = "select app_vault.validate_share_token($1)";
    const redeem = "select * from app_vault.redeem_share($1)";
    const open = "select * from app_vault.open_share($1)";

    await setClosed("now()");
    await db.asUser(reader, async ({ attempt, become, value }) => {
      await expect(attempt(open, [shareId])).rejects.toMatchObject({ code: "NTFND" });
      await become(null);
      expect(await value(isValid, [token])).toBe(false);
      await expect(attempt(redeem, [token])).rejects.toMatchObject({
        code: "NTFND",
        message: "This link does not exist or can no longer be used.",
      });
    });
    await setClosed("null");
    await db.asUser(reader, async ({ attempt, become, value }) => {
      expect(await attempt(open, [shareId])).toBe(1);
      await become(null);
      expect(await value(isValid, [token])).toBe(true);
      expect(await attempt(redeem, [token])).toBe(1);
    });
  });
});

describe("a link whose share has expired", () => {
  it("opens nothing to somebody who may open another one of the owner's", async () => {
    const reader = await createMember(db.superuser, clinic, "provider");
    const [ended, open] = await committed(db, owner, async (request) => [
      await shareRecords(request, [await storeRecord(request, owner)]),
      await shareRecords(request, [await storeRecord(request, owner)], { clinicId: clinic.id }),
    ]);
    // Only time brings this about: a trigger keeps people from it.
    await db.superuser.query(
      `begin;
       set local session_replication_role = replica;
       update app_vault.healthcare_shares
       set created_at = now() - interval '2 days', expires_at = now() - interval '1 second'
       where id = '${ended?.shareId}';
       commit`,
    );
    await db.asUser(reader, async ({ attempt, value }) => {
      const isValid = "select app_vault.validate_share_token($1)";
      expect(await value(isValid, [open?.token])).toBe(true);
      expect(await value(isValid, [ended?.token])).toBe(false);
      const redeem = "select * from app_vault.redeem_share($1)";
      await expect(attempt(redeem, [ended?.token])).rejects.toMatchObject({ code: "NTFND" });
      expect(await attempt(redeem, [open?.token])).toBe(1);
    });
  });
});
