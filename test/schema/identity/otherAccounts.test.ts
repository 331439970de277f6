import { describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";
import { takeTurns, type Turns } from "../../support/takeTurns.ts";
import { hashOf, PASSWORD } from "./sessionGrants.ts";

const db = useTestDatabase();
const PARAMETERS = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ";
const ANOTHER = hashOf("another password");
const LOG_IN = "select user_id from app_public.log_in($1, $2, $3)";

/** Three people; two of them have one and the same password, and so one hash. */
const amongThree = (
  work: (turns: Turns, mine: Person, theirs: Person, bare: Person) => Promise<void>,
): Promise<void> =>
  takeTurns(db, async (turns) => {
    const people = [];
    for (const hash of [hashOf(PASSWORD), hashOf(PASSWORD), null]) {
      const person = await createPerson(turns.client);
      if (hash !== null) {
        await turns.rows("insert into app_private.password_hashes (user_id, password_hash) values ($1, $2)", [
          person.userId,
          hash,
        ]);
      }
      people.push(person);
    }
    const [mine, theirs, bare] = people as [Person, Person, Person];
    await work(turns, mine, theirs, bare);
  });

const hashesOf = async (turns: Turns, ...people: Person[]) => {
  const rows = await turns.rows<{ user_id: string; password_hash: string }>(
    "select user_id, password_hash from app_private.password_hashes",
  );
  return people.map(({ userId }) => rows.find((row) => row.user_id === userId)?.password_hash);
};
const setBcrypt = (turns: Turns, people: Person[]) =>
  turns.rows(
    `update app_private.password_hashes
     set password_hash = extensions.crypt($2, '$2a$04$abcdefghijklmnopqrstuu') where user_id = any ($1)`,
    [people.map(({ userId }) => userId), PASSWORD],
  );
const begin = async (turns: Turns, email: string) =>
  (
    await turns.as<{ parameters: string | null }>(null, "select * from app_hidden.begin_log_in($1)", [email])
  )[0];

describe("begin_log_in", () => {
  it("gives the parameters of that account, and of none where it has no password", () =>
    amongThree(async (turns, mine, _theirs, bare) => {
      expect(await begin(turns, mine.email)).toMatchObject({ parameters: PARAMETERS });
      expect(await begin(turns, bare.email)).toMatchObject({ parameters: null });
      expect(await begin(turns, "nobody@example.com")).toMatchObject({ parameters: null });
    }));

  it("gives none of an account that is closed", () =>
    amongThree(async (turns, mine) => {
      await turns.rows("update app_public.users set deleted_at = now() where id = $1", [mine.userId]);
      expect(await begin(turns, mine.email)).toMatchObject({ parameters: null });
    }));
});

describe("a success", () => {
  it("forgives the attempts at that account, and at no other", () =>
    amongThree(async (turns, mine, theirs) => {
      for (let attempt = 0; attempt < 10; attempt += 1) {
        await begin(turns, mine.email);
        await begin(turns, theirs.email);
      }
      expect(await turns.as(null, LOG_IN, [mine.email, hashOf(PASSWORD), null])).toEqual([
        { user_id: mine.userId },
      ]);
      expect(await begin(turns, mine.email)).toMatchObject({ retry_after: null });
      expect(await begin(turns, theirs.email)).toMatchObject({ retry_after: expect.any(Number) });
    }));

  it("replaces the hash of bcrypt of that account, and of no other", () =>
    amongThree(async (turns, mine, theirs) => {
      await setBcrypt(turns, [mine, theirs]);
      const [, before] = await hashesOf(turns, mine, theirs);
      await turns.as(null, LOG_IN, [mine.email, hashOf(PASSWORD), PASSWORD]);
      expect(await hashesOf(turns, mine, theirs)).toEqual([hashOf(PASSWORD), before]);
    }));
});

it("a success writes nothing to a hash of Argon2id: the audit says of every writing that a password was replaced", () =>
  amongThree(async (turns, mine) => {
    const logIn = () => turns.as(null, LOG_IN, [mine.email, hashOf(PASSWORD), PASSWORD]);
    const replaced = () =>
      turns.rows(
        "select from app_audit.events where table_name like '%password_hashes' and command = 'UPDATE'",
      );
    expect(await logIn()).toHaveLength(1);
    expect(await replaced()).toHaveLength(0);
    await setBcrypt(turns, [mine]);
    expect(await replaced()).toHaveLength(1);
    expect(await logIn()).toHaveLength(1);
    expect(await replaced()).toHaveLength(2);
  }));

it("a failure leaves a hash of bcrypt as it is, even before the statement is rolled back", () =>
  amongThree(async (turns, mine) => {
    await setBcrypt(turns, [mine]);
    const before = await hashesOf(turns, mine);
    const right = "select app_private.has_password($1, $2, 'wrong') as right";
    expect(await turns.rows(right, [mine.userId, hashOf("wrong")])).toEqual([{ right: false }]);
    expect(await hashesOf(turns, mine)).toEqual(before);
  }));

describe("change_password", () => {
  const CHANGE = "select app_public.change_password($1, $2) as ended";

  it("changes the caller's, and nobody else's", () =>
    amongThree(async (turns, mine, theirs) => {
      await begin(turns, mine.email);
      expect(await turns.as(mine, CHANGE, [hashOf(PASSWORD), ANOTHER])).toEqual([{ ended: 0 }]);
      expect(await hashesOf(turns, mine, theirs)).toEqual([ANOTHER, hashOf(PASSWORD)]);
      expect(await turns.rows("select attempts from app_private.sign_in_attempts")).toEqual([
        { attempts: 0 },
      ]);
    }));

  it("asks whoever is nobody to sign in", () =>
    amongThree((turns) =>
      expect(turns.asRole("app_user", CHANGE, [hashOf(PASSWORD), ANOTHER])).rejects.toMatchObject({
        code: "UNAUT",
      }),
    ));
});

describe("a code of a registration", () => {
  const BEGIN = "select app_hidden.begin_confirmation($1) as parameters";
  const CONFIRM = "select user_id from app_public.confirm_registration($1, $2)";
  const ENDED = "update app_private.registrations set expires_at = now()";

  /** Two people who have asked for an account with the same password; the code of the first is "code". */
  const amongAsked = (work: (turns: Turns, other: Person) => Promise<void>) =>
    takeTurns(db, async (turns) => {
      const other = await createPerson(turns.client);
      await turns.rows(
        `insert into app_private.registrations (email, password_hash, display_name, code_hash)
         values ('anna@example.com', $1, 'Anna', sha256('code')), ('otto@example.com', $1, 'Otto', sha256('other'))`,
        [hashOf(PASSWORD)],
      );
      await work(turns, other);
    });

  it("makes its account, and leaves everybody else's name and registration", () =>
    amongAsked(async (turns, other) => {
      expect(await turns.as(null, BEGIN, ["code"])).toEqual([{ parameters: PARAMETERS }]);
      const [{ user_id } = {}] = await turns.as<{ user_id?: string }>(null, CONFIRM, [
        "code",
        hashOf(PASSWORD),
      ]);
      const named = "select display_name from app_public.profiles where user_id = $1";
      expect(await turns.rows(named, [user_id])).toEqual([{ display_name: "Anna" }]);
      expect(await turns.rows(named, [other.userId])).toEqual([{ display_name: "" }]);
      expect(await turns.rows("select email from app_private.registrations")).toEqual([
        { email: "otto@example.com" },
      ]);
    }));

  it.each([
    ["was sent to nobody", "wrong", "select"],
    ["is a day old", "code", ENDED],
  ])("does nothing when it %s, whoever has asked with that password", (_title, code, arrange) =>
    amongAsked(async (turns) => {
      await turns.rows(arrange);
      expect(await turns.as(null, BEGIN, [code])).toEqual([{ parameters: null }]);
      await expect(turns.as(null, CONFIRM, [code, hashOf(PASSWORD)])).rejects.toMatchObject({
        code: "NTFND",
      });
    }),
  );

  it("is given to the registration that a mail is about, and to no other", () =>
    amongAsked(async (turns) => {
      expect(
        await turns.rows(
          `select a.* from app_private.registrations r, app_private.address_registration(r.id, 'new') a
           where r.email = 'anna@example.com'`,
        ),
      ).toEqual([{ address: "anna@example.com", code: "new" }]);
      expect(
        await turns.rows("select from app_private.registrations where code_hash = sha256('other')"),
      ).toHaveLength(1);
    }));

  it("is not asked for under a name of more than 200 characters", () =>
    takeTurns(db, async (turns) => {
      const register = (length: number) =>
        turns.as(null, "select app_public.register('a@example.com', $1, repeat('x', $2)) as answer", [
          hashOf(PASSWORD),
          length,
        ]);
      await expect(register(201)).rejects.toMatchObject({ code: "BADIN" });
      expect(await register(200)).toEqual([{ answer: true }]);
    }));
});
