import { describe, expect, it } from "@jest/globals";

import { createOrganization, createPerson, type Person } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";
import { takeTurns, type Turns } from "../../support/takeTurns.ts";

const db = useTestDatabase();

/** Two people, neither of them the first of all. */
const amongTwo = (work: (turns: Turns, mine: Person, theirs: Person) => Promise<void>) =>
  takeTurns(db, async (turns) => {
    await createPerson(turns.client);
    await work(turns, await createPerson(turns.client), await createPerson(turns.client));
  });

interface Addressed {
  address: string | null;
  code: string | null;
}
const address = (turns: Turns, template: string, { userId = "", subjectId = "" }) =>
  turns.asRole<Addressed>(
    "app_worker",
    "select * from app_hidden.address_mail($1, nullif($2, '')::uuid, nullif($3, '')::uuid)",
    [template, userId, subjectId],
  );
const setUser = (turns: Turns, { userId }: Person, what: string) =>
  turns.rows(`update app_public.users set ${what} where id = $1`, [userId]);

describe("a mail that tells a person something", () => {
  it("goes to their own address", () =>
    amongTwo(async (turns, mine, theirs) => {
      expect(await address(turns, "weekly_report", mine)).toEqual([{ address: mine.email, code: null }]);
      expect(await address(turns, "export_ready", theirs)).toEqual([{ address: theirs.email, code: null }]);
    }));

  it.each(["email = null", "email_verified_at = null", "deleted_at = now()"])(
    "goes nowhere where %s, whoever else could be written to",
    (what) =>
      amongTwo(async (turns, mine) => {
        await setUser(turns, mine, what);
        expect(await address(turns, "weekly_report", mine)).toEqual([]);
      }),
  );
});

describe("a mail that proves an address", () => {
  const asked = async (turns: Turns, ...people: Person[]) => {
    for (const person of people) {
      await setUser(turns, person, "email_verified_at = null");
    }
  };

  it("goes to whoever has asked, with a code that is theirs", () =>
    amongTwo(async (turns, mine, theirs) => {
      await asked(turns, mine, theirs);
      const [mail, ...more] = await address(turns, "verify_email", mine);
      expect([mail?.address, more]).toEqual([mine.email, []]);
      expect(
        await turns.rows(
          "select token_hash = sha256($1) as known, user_id, email from app_private.email_tokens",
          [Buffer.from(mail?.code ?? "")],
        ),
      ).toEqual([{ known: true, user_id: mine.userId, email: mine.email }]);
    }));

  it.each(["email = null", "email_verified_at = now()", "deleted_at = now()"])(
    "goes nowhere where %s",
    (what) =>
      amongTwo(async (turns, mine, theirs) => {
        await asked(turns, mine, theirs);
        await setUser(turns, mine, what);
        expect(await address(turns, "verify_email", mine)).toEqual([]);
        expect(await turns.rows("select from app_private.email_tokens")).toEqual([]);
      }),
  );

  it("clears codes that have ended, and leaves those that have not", () =>
    amongTwo(async (turns, mine) => {
      await turns.rows(
        `insert into app_private.email_tokens (token_hash, user_id, email, expires_at)
         select sha256(n::text::bytea), $1, 'n' || n, now() + n * interval '1 minute' from unnest($2::int[]) n`,
        [mine.userId, [-1, 0, 1]],
      );
      await address(turns, "verify_email", mine);
      expect(await turns.rows("select email from app_private.email_tokens")).toEqual([{ email: "n1" }]);
    }));
});

describe("a mail that invites", () => {
  const invite = async (turns: Turns, email: string) => {
    const [row] = await turns.rows<{ id: string }>(
      `insert into app_public.invitations (organization_id, email, organization_role, code_hash, expires_at)
       values ($1, $2::text, 'member', sha256(convert_to($2::text, 'UTF8')), now() + interval '1 day') returning id`,
      [await createOrganization(turns.client), email],
    );
    return { subjectId: row?.id ?? "" };
  };
  const mailed = async (turns: Turns) =>
    (
      await turns.rows<{ email: string }>(
        "select email from app_public.invitations where mailed_code_hash is not null",
      )
    ).map(({ email }) => email);

  it("goes to the address of its invitation, and makes a code of no other", () =>
    amongTwo(async (turns) => {
      await invite(turns, "other@example.com");
      const invitation = await invite(turns, "guest@example.com");
      expect(await address(turns, "invitation", invitation)).toEqual([
        { address: "guest@example.com", code: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ]);
      expect(await mailed(turns)).toEqual(["guest@example.com"]);
    }));

  it.each(["accepted_at = now()", "revoked_at = now()", "expires_at = now()"])(
    "goes nowhere where %s",
    (what) =>
      amongTwo(async (turns) => {
        const invitation = await invite(turns, "guest@example.com");
        await turns.rows(`update app_public.invitations set ${what} where id = $1`, [invitation.subjectId]);
        expect(await address(turns, "invitation", invitation)).toEqual([]);
        expect(await mailed(turns)).toEqual([]);
      }),
  );
});
