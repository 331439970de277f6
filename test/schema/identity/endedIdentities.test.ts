import { describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";
import { takeTurns, type Turns } from "../../support/takeTurns.ts";

const db = useTestDatabase();

/** Two people; both are "ada" to an issuer of their own. */
const amongTwo = (work: (turns: Turns, mine: Person, theirs: Person) => Promise<void>) =>
  takeTurns(db, async (turns) => {
    const [mine, theirs] = [await createPerson(turns.client), await createPerson(turns.client)];
    await know(turns, mine, "https://mine.example");
    await know(turns, theirs, "https://theirs.example");
    await work(turns, mine, theirs);
  });

const know = (turns: Turns, { userId }: Person, issuer: string, subject = "ada") =>
  turns.rows("insert into app_private.user_identities (issuer, subject, user_id) values ($1, $2, $3)", [
    issuer,
    subject,
    userId,
  ]);
const setPassword = (turns: Turns, { userId }: Person) =>
  turns.rows("insert into app_private.password_hashes (user_id, password_hash) values ($1, 'x')", [userId]);
const end = async (turns: Turns, issuer = "https://mine.example", subject = "ada") =>
  (
    await turns.asRole<{ id: string | null }>("app_worker", "select app_hidden.end_identity($1, $2) as id", [
      issuer,
      subject,
    ])
  )[0]?.id;
const isClosed = async (turns: Turns, { userId }: Person) =>
  (await turns.rows("select from app_public.users where id = $1 and deleted_at is not null", [userId]))
    .length === 1;
const ended = (turns: Turns) =>
  turns.rows("select issuer, subject from app_private.user_identities where ended_at is not null");

describe("end_identity", () => {
  it("closes the account that nobody can sign in to any more, and no other", () =>
    amongTwo(async (turns, mine, theirs) => {
      await setPassword(turns, theirs);
      expect(await end(turns)).toBe(mine.userId);
      expect([await isClosed(turns, mine), await isClosed(turns, theirs)]).toEqual([true, false]);
      expect(await ended(turns)).toEqual([{ issuer: "https://mine.example", subject: "ada" }]);
    }));

  it("leaves open an account with another identity, until that has ended too", () =>
    amongTwo(async (turns, mine) => {
      await know(turns, mine, "https://mine.example", "bea");
      expect(await end(turns)).toBe(mine.userId);
      expect(await isClosed(turns, mine)).toBe(false);
      expect(await end(turns, "https://mine.example", "bea")).toBe(mine.userId);
      expect(await isClosed(turns, mine)).toBe(true);
    }));

  it("leaves open an account with a password", () =>
    amongTwo(async (turns, mine) => {
      await setPassword(turns, mine);
      expect(await end(turns)).toBe(mine.userId);
      expect(await isClosed(turns, mine)).toBe(false);
      expect(await ended(turns)).toHaveLength(1);
    }));

  it("leaves an account that was closed before closed since then", () =>
    amongTwo(async (turns, mine) => {
      await turns.rows("update app_public.users set deleted_at = '2026-01-01' where id = $1", [mine.userId]);
      await end(turns);
      expect(
        await turns.rows("select from app_public.users where id = $1 and deleted_at = '2026-01-01'", [
          mine.userId,
        ]),
      ).toHaveLength(1);
    }));

  it("remembers a subject that was never seen, and touches nobody", () =>
    amongTwo(async (turns, mine, theirs) => {
      expect(await end(turns, "https://elsewhere.example")).toBeNull();
      expect(await turns.rows("select issuer, subject from app_private.ended_identities")).toEqual([
        { issuer: "https://elsewhere.example", subject: "ada" },
      ]);
      expect(await ended(turns)).toEqual([]);
      expect([await isClosed(turns, mine), await isClosed(turns, theirs)]).toEqual([false, false]);
    }));
});
