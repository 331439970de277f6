import { describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";
import { takeTurns, type Turns } from "../../support/takeTurns.ts";

const db = useTestDatabase();
const REFUSED = { code: "NTFND", message: "This link does not work (any more). Ask for a new one." };

/** Two people whose address is still to be proven; the first of them was mailed "token". */
const amongUnproven = (work: (turns: Turns, mine: Person, theirs: Person) => Promise<void>) =>
  takeTurns(db, async (turns) => {
    // Neither of the two is the first of all.
    await createPerson(turns.client);
    const [mine, theirs] = [await createPerson(turns.client), await createPerson(turns.client)];
    await turns.rows("update app_public.users set email_verified_at = null where id = any ($1)", [
      [mine.userId, theirs.userId],
    ]);
    await turns.rows(
      `insert into app_private.email_tokens (token_hash, user_id, email, expires_at)
       values (sha256('token'), $1, $2, now() + interval '1 hour')`,
      [mine.userId, mine.email],
    );
    await work(turns, mine, theirs);
  });

const verify = (turns: Turns, token = "token") =>
  turns.as(null, "select app_public.verify_email($1) as answer", [token]);
const isProven = async (turns: Turns, { userId }: Person) => {
  const [row] = await turns.rows<{ at: Date | null }>(
    "select email_verified_at as at from app_public.users where id = $1",
    [userId],
  );
  return row?.at instanceof Date;
};
const setEmail = (turns: Turns, { userId }: Person, email: string | null) =>
  turns.rows("update app_public.users set email = $2 where id = $1", [userId, email]);

describe("verify_email", () => {
  it("proves the address of whoever the token was mailed to, and of nobody else; once", () =>
    amongUnproven(async (turns, mine, theirs) => {
      expect(await verify(turns)).toEqual([{ answer: true }]);
      expect([await isProven(turns, mine), await isProven(turns, theirs)]).toEqual([true, false]);
      await expect(verify(turns)).rejects.toMatchObject(REFUSED);
    }));

  it("denies a token that nobody was mailed, whoever waits for one", () =>
    amongUnproven(async (turns, mine) => {
      await expect(verify(turns, "none")).rejects.toMatchObject(REFUSED);
      expect(await isProven(turns, mine)).toBe(false);
    }));

  it.each([
    ["has expired", "update app_private.email_tokens set expires_at = now()"],
    [
      "is of a closed account",
      `update app_public.users u set deleted_at = now()
       from app_private.email_tokens t where t.user_id = u.id`,
    ],
  ])("denies a token that %s", (_title, arrange) =>
    amongUnproven(async (turns, mine) => {
      await turns.rows(arrange);
      await expect(verify(turns)).rejects.toMatchObject(REFUSED);
      expect(await isProven(turns, mine)).toBe(false);
    }),
  );

  it("proves neither the address that came after, nor the one it was mailed to for its next owner", () =>
    amongUnproven(async (turns, mine, theirs) => {
      await setEmail(turns, mine, "new@example.com");
      await expect(verify(turns)).rejects.toMatchObject(REFUSED);
      await setEmail(turns, theirs, mine.email);
      await expect(verify(turns)).rejects.toMatchObject(REFUSED);
      expect([await isProven(turns, mine), await isProven(turns, theirs)]).toEqual([false, false]);
    }));
});

describe("send_verification_email", () => {
  const SEND = "select app_public.send_verification_email() as answer";
  const jobs = (turns: Turns) =>
    turns
      .rows("select payload from graphile_worker._private_jobs order by id")
      .then((rows) => rows.map(({ payload }) => payload));

  it("mails the caller, three times in a quarter of an hour", () =>
    amongUnproven(async (turns, _mine, theirs) => {
      const job = expect.objectContaining({ template: "verify_email", userId: theirs.userId });
      for (const times of [1, 2, 3]) {
        expect(await turns.as(theirs, SEND)).toEqual([{ answer: true }]);
        expect(await jobs(turns)).toEqual(Array.from({ length: times }, () => job));
      }
      expect(await turns.as(theirs, SEND)).toEqual([{ answer: false }]);
      expect(await jobs(turns)).toHaveLength(3);
    }));

  it("mails nobody who has no address, or has proven it", () =>
    amongUnproven(async (turns, mine, theirs) => {
      await setEmail(turns, mine, null);
      await turns.rows("update app_public.users set email_verified_at = now() where id = $1", [
        theirs.userId,
      ]);
      expect(await turns.as(mine, SEND)).toEqual([{ answer: false }]);
      expect(await turns.as(theirs, SEND)).toEqual([{ answer: false }]);
      expect(await jobs(turns)).toEqual([]);
    }));

  it("asks whoever is nobody to sign in", () =>
    amongUnproven((turns) =>
      expect(turns.asRole("app_user", SEND)).rejects.toMatchObject({ code: "UNAUT" }),
    ));
});
