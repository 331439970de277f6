import { describe, expect, it } from "@jest/globals";

import { createPerson } from "../../../src/access/world/people.ts";
import { committed, shareRecords, storeRecord } from "../../../src/access/world/vaultRows.ts";
import { useTestDatabase } from "../../support/database.ts";
import { race } from "./race.ts";

const db = useTestDatabase();

describe("redeem_share", () => {
  it("succeeds exactly once of 100 at once with a token for one use", async () => {
    const owner = await createPerson(db.superuser);
    const shared = await committed(db, owner, async (request) =>
      shareRecords(request, [await storeRecord(request, owner)]),
    );
    const calls = Array.from({ length: 100 }, () => ({
      text: "select * from app_vault.redeem_share($1)",
      values: [shared.token],
    }));
    const outcomes = await race(db, null, calls);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const codes = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.code] : []));
    expect(new Set(codes)).toEqual(new Set(["NTFND"]));
    const { rows } = await db.superuser.query(
      "select t.uses, (select count(*)::int from app_vault.share_accesses a where a.token_id = t.id) as accesses from app_vault.share_tokens t where t.id = $1",
      [shared.tokenId],
    );
    expect(rows).toEqual([{ uses: 1, accesses: 1 }]);
  }, 60_000);
});
