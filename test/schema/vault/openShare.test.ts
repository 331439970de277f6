import { beforeAll, describe, expect, it } from "@jest/globals";

import {
  type Clinic,
  createClinic,
  createMember,
  createOrganization,
  createPerson,
  type Person,
} from "../../../src/access/world/people.ts";
import { shareRecords, storeRecord } from "../../../src/access/world/vaultRows.ts";
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
