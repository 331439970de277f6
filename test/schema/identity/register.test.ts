import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../../src/access/world/people.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";
import { asGranted, grantOf, hashOf, PASSWORD } from "./sessionGrants.ts";

const db = useTestDatabase();
let person: Person;

beforeAll(async () => {
  person = await createPerson(db.superuser);
});

const register = (request: Request, email: string, password = PASSWORD) =>
  request.value<boolean>("select app_public.register($1, $2, 'Carol')", [email, hashOf(password)]);

/** Goes on as the superuser for a moment. */
async function asSuperuser<T>(request: Request, sql: string, values: unknown[] = []): Promise<T[]> {
  await request.client.query("set local role none");
  const { rows } = await request.client.query(sql, values);
  await request.client.query("set local role app_anonymous");
  return rows as T[];
}

/** As somebody without a token, on a connection that can look behind row security. */
const asNobody = (work: (request: Request) => Promise<void>) =>
  db.inTransaction(async (client) => {
    await client.query("set local role app_anonymous");
    const request: Request = {
      client,
      rows: async (sql, values) => (await client.query(sql, values)).rows,
      value: async (sql, values) =>
        Object.values((await client.query(sql, values)).rows[0] ?? {})[0] as never,
      attempt: async (sql, values) => (await client.query(sql, values)).rowCount ?? 0,
      async become(actor) {
        await client.query("set local role none");
        await client.query(
          "select set_config('jwt.claims.sub', $1, true), set_config('jwt.claims.sid', $2, true)",
          [actor?.userId, actor?.sessionId],
        );
        await client.query("set local role app_user");
      },
    };
    await work(request);
  });

/** What the mail would bring: the code of the newest registration, or null. */
async function codeFor(request: Request, email: string): Promise<string | null | undefined> {
  const code = `code-${email}-${Math.random()}`;
  const [addressed] = await asSuperuser<{ address: string; code: string | null }>(
    request,
    `select a.* from (
       select id from app_private.registrations where email = $1 order by id desc limit 1
     ) r, app_private.address_registration(r.id, $2) a`,
    [email, code],
  );
  return addressed?.code;
}

const confirm = (request: Request, code: string, password = PASSWORD) =>
  grantOf(request, "confirm_registration($1, $2)", [code, hashOf(password)]);

describe("register", () => {
  it("makes no account, and asks for a mail with the registration's id in its job and nothing else", () =>
    asNobody(async (request) => {
      expect(await register(request, "  Carol@Example.COM ")).toBe(true);
      const email = "carol@example.com";
      expect(await asSuperuser(request, "select from app_public.users where email = $1", [email])).toEqual(
        [],
      );
      const [registration] = await asSuperuser<{ id: string }>(
        request,
        "select id from app_private.registrations where email = $1",
        [email],
      );
      const [job] = await asSuperuser<{ payload: object }>(
        request,
        "select payload from graphile_worker._private_jobs order by id desc limit 1",
      );
      expect(job?.payload).toEqual({ template: "registration", subjectId: registration?.id });
    }));

  it("answers and does the same for an address that has an account, in another case too", () =>
    asNobody(async (request) => {
      const trace = async (email: string) => {
        const answer = await register(request, email);
        const [{ registrations, jobs } = { registrations: 0, jobs: 0 }] = await asSuperuser<{
          registrations: number;
          jobs: number;
        }>(
          request,
          `select (select count(*)::int from app_private.registrations) as registrations,
             (select count(*)::int from graphile_worker._private_jobs) as jobs`,
        );
        return { answer, registrations, jobs };
      };
      expect(await trace(person.email.toUpperCase())).toEqual({ answer: true, registrations: 1, jobs: 1 });
      expect(await trace("free@example.com")).toEqual({ answer: true, registrations: 2, jobs: 2 });
    }));

  it("opens nothing before it is confirmed: the password signs nobody in", () =>
    db.asAnonymous(async (request) => {
      await register(request, "early@example.com");
      await expect(
        request.attempt("select app_public.log_in('early@example.com', $1)", [hashOf(PASSWORD)]),
      ).rejects.toMatchObject({ code: "LOGIN" });
    }));

  it.each([
    ["an address that is none", "carol", hashOf(PASSWORD)],
    ["an address that is too long", `${"x".repeat(250)}@example.com`, hashOf(PASSWORD)],
    ["what is no hash of Argon2id: a password would be kept in clear", "a@example.com", PASSWORD],
  ])("denies %s", (_title, email, hash) =>
    db.asAnonymous((request) =>
      expect(request.value("select app_public.register($1, $2)", [email, hash])).rejects.toMatchObject({
        code: "BADIN",
      }),
    ),
  );

  it.each(["person", "nobody"])("makes the address of %s wait after five, alike", (who) =>
    db.asAnonymous(async (request) => {
      const email = who === "person" ? person.email : "nobody@example.com";
      const begin = () => request.value<number>("select app_hidden.begin_registration($1)", [email]);
      for (let attempt = 0; attempt < 5; attempt += 1) {
        expect(await begin()).toBeNull();
      }
      expect(await begin()).toBeGreaterThan(890);
    }),
  );

  it("forgets what nobody confirmed within a day", () =>
    asNobody(async (request) => {
      await register(request, "old@example.com");
      await asSuperuser(request, "update app_private.registrations set expires_at = now()");
      await register(request, "new@example.com");
      expect(await asSuperuser(request, "select email from app_private.registrations")).toEqual([
        { email: "new@example.com" },
      ]);
    }));
});

describe("confirm_registration", () => {
  it("makes the account, its profile, a proven address and a session that works, once", () =>
    asNobody(async (request) => {
      const email = "dora@example.com";
      await register(request, email);
      const code = (await codeFor(request, email)) ?? "";
      const grant = await confirm(request, code);
      await request.become(asGranted(grant));
      expect(
        await request.rows(
          "select id, email, is_superadmin, email_verified_at is not null as is_verified from app_public.viewer()",
        ),
      ).toEqual([{ id: grant.user_id, email, is_superadmin: false, is_verified: true }]);
      expect(await request.rows("select display_name, email, locale from app_public.profiles")).toEqual([
        { display_name: "Carol", email, locale: "en_CA" },
      ]);
      const stored = await asSuperuser<{ stored: string }>(
        request,
        "select to_jsonb(h)::text || to_jsonb(t)::text as stored from app_private.password_hashes h, app_private.refresh_tokens t",
      );
      expect(stored).toHaveLength(1);
      expect(stored[0]?.stored).not.toContain(grant.refresh_token);
      await expect(confirm(request, code)).rejects.toMatchObject({ code: "NTFND" });
    }));

  it("takes the password of the registration whose mail was answered, whoever else has asked", () =>
    asNobody(async (request) => {
      const email = "edith@example.com";
      await register(request, email, "password of Edith");
      const code = (await codeFor(request, email)) ?? "";
      await register(request, email, "password of another");
      const { user_id: edith } = await confirm(request, code, "password of Edith");
      const logIn = (password: string) =>
        request.value("select user_id from app_public.log_in($1, $2)", [email, hashOf(password)]);
      expect(await logIn("password of Edith")).toBe(edith);
      await expect(logIn("password of another")).rejects.toMatchObject({ code: "LOGIN" });
    }));

  it("denies whoever has the code and not the password: the account would open for somebody else", () =>
    asNobody(async (request) => {
      const email = "felix@example.com";
      await register(request, email, "password of somebody else");
      const code = (await codeFor(request, email)) ?? "";
      await expect(confirm(request, code, "password of Felix")).rejects.toMatchObject({ code: "NTFND" });
    }));

  it("has no code for an address with an account, nor for one that got one meanwhile", () =>
    asNobody(async (request) => {
      await register(request, person.email);
      expect(await codeFor(request, person.email)).toBeNull();
      await register(request, "fast@example.com");
      const late = (await codeFor(request, "fast@example.com")) ?? "";
      await asSuperuser(request, "insert into app_public.users (email) values ('fast@example.com')");
      await expect(confirm(request, late)).rejects.toMatchObject({ code: "NTFND" });
    }));

  it("writes to nobody whose account is closed, and has no code after a day", () =>
    asNobody(async (request) => {
      await asSuperuser(request, "update app_public.users set deleted_at = now() where id = $1", [
        person.userId,
      ]);
      await register(request, person.email);
      expect(await codeFor(request, person.email)).toBeUndefined();
      await register(request, "slow@example.com");
      await asSuperuser(request, "update app_private.registrations set expires_at = now()");
      expect(await codeFor(request, "slow@example.com")).toBeUndefined();
    }));

  it.each(["", "0".repeat(64)])("denies a code that nobody was sent: '%s'", (code) =>
    db.asAnonymous((request) => expect(confirm(request, code)).rejects.toMatchObject({ code: "NTFND" })),
  );
});
