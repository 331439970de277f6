import { describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";
import { takeTurns, type Turns } from "../../support/takeTurns.ts";

const db = useTestDatabase();
const ISSUER = "https://issuer.example";
const ELSEWHERE = "https://elsewhere.example";
const THEN = 1_700_000_000;

/** Two people who have proven their addresses long ago. */
const amongTwo = (work: (turns: Turns, mine: Person, theirs: Person) => Promise<void>) =>
  takeTurns(db, async (turns) => {
    const [mine, theirs] = [await createPerson(turns.client), await createPerson(turns.client)];
    await turns.rows("update app_public.users set email_verified_at = '2026-01-01'");
    await work(turns, mine, theirs);
  });

const know = (turns: Turns, { userId }: Person, issuer = ISSUER, subject = "ada") =>
  turns.rows(
    `insert into app_private.user_identities (issuer, subject, user_id, display_name, facts_at)
     values ($1, $2, $3, 'Ada', to_timestamp($4::int))`,
    [issuer, subject, userId, THEN],
  );
/** What an issuer that may do everything says of "ada"; the user's id. */
async function apply(turns: Turns, facts: Record<string, unknown> = {}): Promise<string | null | undefined> {
  const trusted = { issuer: ISSUER, kind: "oidc", createsUsers: true, linksVerifiedEmails: true };
  const said = { ...trusted, subject: "ada", at: THEN + 1, emailVerified: true, ...facts };
  const [row] = await turns.asRole<{ id: string | null }>(
    "app_worker",
    "select app_hidden.apply_identity_event($1) as id",
    [said],
  );
  return row?.id;
}
const userOf = async (turns: Turns, userId: string | null | undefined) => {
  const [row] = await turns.rows(
    `select u.email, u.email_verified_at = now() as fresh, p.display_name as name
     from app_public.users u join app_public.profiles p on p.user_id = u.id where u.id = $1`,
    [userId],
  );
  return row;
};
const setUser = (turns: Turns, { userId }: Person, what: string) =>
  turns.rows(`update app_public.users set ${what} where id = $1`, [userId]);
const names = async (turns: Turns) =>
  (
    await turns.rows("select display_name as name from app_private.user_identities order by issuer, subject")
  ).map(({ name }) => name);

describe("a subject that is new here", () => {
  it("is the person of that address, where both sides have proven it", () =>
    amongTwo(async (turns, mine, theirs) => {
      const facts = { email: theirs.email.toUpperCase(), createsUsers: false };
      expect(await apply(turns, facts)).toBe(theirs.userId);
      expect(await apply(turns, { email: mine.email, subject: "bea" })).toBe(mine.userId);
    }));

  it.each<[string, Record<string, unknown>, string]>([
    ["the issuer may not link", { linksVerifiedEmails: false }, "email = email"],
    ["there it was not proven", { emailVerified: false }, "email = email"],
    ["here it was not proven", {}, "email_verified_at = null"],
    ["its account is closed", {}, "deleted_at = now()"],
    ["it is a superadmin's", {}, "is_superadmin = true"],
  ])("is somebody else than the person of that address where %s", async (_title, facts, arrange) =>
    amongTwo(async (turns, mine, theirs) => {
      await setUser(turns, mine, arrange);
      const id = await apply(turns, { email: mine.email, ...facts });
      expect(id).toEqual(expect.any(String));
      expect([mine.userId, theirs.userId]).not.toContain(id);
      expect(await userOf(turns, id)).toMatchObject({ email: null });
      expect(
        await apply(turns, { email: mine.email, ...facts, subject: "bea", createsUsers: false }),
      ).toBeNull();
    }),
  );

  it("is the person with that id at Clerk, for Clerk and for nobody else", () =>
    amongTwo(async (turns, mine, theirs) => {
      await setUser(turns, theirs, "clerk_id = 'user_1'");
      const clerk = { issuer: ELSEWHERE, kind: "clerk", createsUsers: false };
      expect(await apply(turns, { subject: "user_1", createsUsers: false })).toBeNull();
      expect(await apply(turns, { ...clerk, subject: "user_2", email: "new@example.com" })).toBeNull();
      expect(await apply(turns, { ...clerk, subject: "user_1", email: mine.email })).toBe(theirs.userId);
    }));

  it("is not who has that subject at another issuer", () =>
    amongTwo(async (turns, mine) => {
      await know(turns, mine, ELSEWHERE);
      await know(turns, mine, ISSUER, "bea");
      expect(await apply(turns, { createsUsers: false })).toBeNull();
      expect(await apply(turns)).not.toBe(mine.userId);
    }));

  it("is nobody once the issuer has said that it is gone, unlike that of another issuer and another one", () =>
    amongTwo(async (turns) => {
      await turns.rows(
        "insert into app_private.ended_identities (issuer, subject) values ($1, 'ada'), ($2, 'bea')",
        [ISSUER, ELSEWHERE],
      );
      expect(await apply(turns)).toBeNull();
      expect(await apply(turns, { subject: "bea" })).toEqual(expect.any(String));
      expect(await apply(turns, { issuer: ELSEWHERE })).toEqual(expect.any(String));
    }));

  it.each(["none", `${"x".repeat(254)}@example.com`])("has no address where the issuer says '%s'", (email) =>
    amongTwo(async (turns) => {
      expect(await userOf(turns, await apply(turns, { email }))).toEqual({
        email: null,
        fresh: null,
        name: "",
      });
    }),
  );
});

describe("news of a subject", () => {
  it("changes the address and name of its person, and of nobody else", () =>
    amongTwo(async (turns, mine, theirs) => {
      await know(turns, theirs, ELSEWHERE);
      await know(turns, mine);
      await know(turns, theirs, ISSUER, "bea");
      expect(await apply(turns, { email: "new@example.com", name: "Ada B." })).toBe(mine.userId);
      expect(await userOf(turns, mine.userId)).toEqual({
        email: "new@example.com",
        fresh: true,
        name: "Ada B.",
      });
      expect(await userOf(turns, theirs.userId)).toEqual({ email: theirs.email, fresh: false, name: "" });
      expect(await names(turns)).toEqual(["Ada", "Ada B.", "Ada"]);
    }));

  it("proves the address that its person has not proven here", () =>
    amongTwo(async (turns, mine) => {
      await know(turns, mine);
      await setUser(turns, mine, "email_verified_at = null");
      await apply(turns, { email: mine.email });
      expect(await userOf(turns, mine.userId)).toMatchObject({ email: mine.email, fresh: true });
    }));

  it.each<[string, (theirs: Person, mine: Person) => Record<string, unknown>]>([
    ["is somebody else's", ({ email }) => ({ email })],
    ["is what it was", (_theirs, { email }) => ({ email })],
    ["is not proven", () => ({ email: "new@example.com", emailVerified: false })],
    ["is none", () => ({})],
  ])("leaves the address as it is where the new one %s", (_title, facts) =>
    amongTwo(async (turns, mine, theirs) => {
      await know(turns, mine);
      expect(await apply(turns, facts(theirs, mine))).toBe(mine.userId);
      expect(await userOf(turns, mine.userId)).toEqual({ email: mine.email, fresh: false, name: "" });
    }),
  );

  it("changes no name that its person has chosen here", () =>
    amongTwo(async (turns, mine) => {
      await know(turns, mine);
      await turns.rows("update app_public.profiles set display_name = 'Dr Ada'");
      await apply(turns, { name: "Ada B." });
      expect(await userOf(turns, mine.userId)).toMatchObject({ name: "Dr Ada" });
    }));

  it.each<[string, number, string]>([
    ["that is older than what is known", THEN - 1, "select"],
    ["after it has ended", THEN + 1, "update app_private.user_identities set ended_at = now()"],
  ])("changes nothing %s", (_title, at, arrange) =>
    amongTwo(async (turns, mine) => {
      await know(turns, mine);
      await turns.rows(arrange);
      expect(await apply(turns, { at, email: "new@example.com", name: "Ada B." })).toBe(mine.userId);
      expect(await userOf(turns, mine.userId)).toEqual({ email: mine.email, fresh: false, name: "" });
      expect(await names(turns)).toEqual(["Ada"]);
    }),
  );

  it("changes no address of an account that is closed", () =>
    amongTwo(async (turns, mine) => {
      await know(turns, mine);
      await setUser(turns, mine, "deleted_at = now()");
      await apply(turns, { email: "new@example.com" });
      expect(await userOf(turns, mine.userId)).toMatchObject({ email: mine.email });
    }));
});
