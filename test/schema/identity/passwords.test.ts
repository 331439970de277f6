import { createHash } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson } from "../../../src/access/world/people.ts";
import { addAccounts } from "../../support/accounts.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
beforeAll(() => addAccounts(db.superuser));

const PASSWORD = "correct horse battery";
const PREFIX = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ";
/** In the form of the gateway's hashes, and the same for the same password. */
const hashOf = (password: string) => `${PREFIX}$${createHash("sha256").update(password).digest("base64url")}`;

const makeAccount = (request: Request, email: string) =>
  request.rows<{ user_id: string; session_id: string }>("select * from app_public.make_account($1, $2)", [
    email,
    hashOf(PASSWORD),
  ]);
const begin = async (request: Request, email: string) =>
  (await request.rows("select * from app_hidden.begin_log_in($1)", [email]))[0];
const logIn = (request: Request, email: string, password: string, isPasswordSent = false) =>
  request.attempt("select app_public.log_in($1, $2, $3)", [
    email,
    hashOf(password),
    isPasswordSent ? password : null,
  ]);
/** Sets a hash as it was made before Argon2id. */
const setBcrypt = (request: Request, email: string, password: string) =>
  as(request, "reset role", () =>
    request.rows(
      `update app_private.password_hashes h set password_hash = extensions.crypt($2, extensions.gen_salt('bf', 4))
       from app_public.users u where u.id = h.user_id and u.email = $1`,
      [email, password],
    ),
  );

async function as<T>(request: Request, role: string, work: () => Promise<T>): Promise<T> {
  await request.client.query(role);
  const result = await work();
  await request.client.query("set local role app_anonymous");
  return result;
}

/** As somebody without a token whose address has a hash; the superuser's connection, so that rows can be arranged. */
const asClient = (work: (request: Request) => Promise<void>, address = "a".repeat(64)) =>
  db.inTransaction(async (client) => {
    await client.query("select set_config('app.client_address', $1, true)", [address]);
    await client.query("set local role app_anonymous");
    const request: Request = {
      client,
      rows: async (sql, values) => (await client.query(sql, values)).rows,
      value: async (sql, values) =>
        Object.values((await client.query(sql, values)).rows[0] ?? {})[0] as never,
      async attempt(sql, values) {
        await client.query("savepoint attempt");
        try {
          return (await client.query(sql, values)).rowCount ?? 0;
        } catch (error) {
          await client.query("rollback to savepoint attempt");
          throw error;
        }
      },
      become: () => Promise.reject(new Error("Stay who you are.")),
    };
    await work(request);
  });

describe("begin_log_in", () => {
  it("gives the parameters of an account's hash and never the hash", () =>
    asClient(async (request) => {
      await makeAccount(request, "amy@example.com");
      expect(await begin(request, "Amy@example.com")).toEqual({
        parameters: PREFIX,
        needs_password: false,
        retry_after: null,
      });
    }));

  it("says of an unknown address what it says of one that has no password", () =>
    asClient(async (request) => {
      const nothing = { parameters: null, needs_password: false, retry_after: null };
      expect(await begin(request, "nobody@example.com")).toEqual(nothing);
    }));

  it.each(["ben@example.com", "nobody@example.com"])("makes %s wait after ten attempts", (email) =>
    asClient(async (request) => {
      await makeAccount(request, "ben@example.com");
      for (let attempt = 0; attempt < 10; attempt += 1) {
        expect((await begin(request, email))?.retry_after).toBeNull();
      }
      const { parameters, retry_after } = (await begin(request, email)) ?? {};
      expect(parameters).toBeNull();
      expect(retry_after).toBeGreaterThan(890);
      expect(retry_after).toBeLessThanOrEqual(900);
    }),
  );

  it("makes an address wait after fifty attempts at any accounts, and no other address", () =>
    asClient(async (request) => {
      for (let attempt = 0; attempt < 50; attempt += 1) {
        expect((await begin(request, `victim-${attempt}@example.com`))?.retry_after).toBeNull();
      }
      expect((await begin(request, "victim-50@example.com"))?.retry_after).toBeGreaterThan(0);
      expect(
        await request.value("select app_hidden.begin_registration('someone@example.com')"),
      ).toBeGreaterThan(0);
      await as(request, "reset role", () =>
        request.rows("select set_config('app.client_address', 'elsewhere', true)"),
      );
      expect((await begin(request, "victim-51@example.com"))?.retry_after).toBeNull();
    }));

  it("counts a new window when the quarter of an hour is over, and clears the old ones", () =>
    asClient(async (request) => {
      for (let attempt = 0; attempt < 11; attempt += 1) {
        await begin(request, "cid@example.com");
      }
      await as(request, "reset role", () =>
        request.rows("update app_private.sign_in_attempts set ends_at = now() - interval '1 second'"),
      );
      expect((await begin(request, "dora@example.com"))?.retry_after).toBeNull();
      expect((await begin(request, "cid@example.com"))?.retry_after).toBeNull();
      const count = "select count(*)::int from app_private.sign_in_attempts";
      expect(await as(request, "reset role", () => request.value(count))).toBe(3);
    }));

  it("keeps neither address nor account in clear", () =>
    asClient(async (request) => {
      await begin(request, "eve@example.com");
      const text = await as(request, "reset role", () =>
        request.value("select string_agg(a::text, ' ') from app_private.sign_in_attempts a"),
      );
      expect(text).not.toContain("eve");
      expect(text).not.toContain("aaaa");
    }));

  it("forgives the attempts of whoever then signs in", () =>
    asClient(async (request) => {
      await makeAccount(request, "fay@example.com");
      for (let attempt = 0; attempt < 10; attempt += 1) {
        await begin(request, "fay@example.com");
      }
      expect(await logIn(request, "fay@example.com", PASSWORD)).toBe(1);
      expect((await begin(request, "fay@example.com"))?.retry_after).toBeNull();
    }));
});

describe("a hash of bcrypt", () => {
  it("can sign in once more, and is one of Argon2id from then on", () =>
    asClient(async (request) => {
      await makeAccount(request, "gil@example.com");
      await setBcrypt(request, "gil@example.com", PASSWORD);
      expect(await begin(request, "gil@example.com")).toMatchObject({
        parameters: null,
        needs_password: true,
      });
      expect(await logIn(request, "gil@example.com", PASSWORD, true)).toBe(1);
      expect(await begin(request, "gil@example.com")).toMatchObject({
        parameters: PREFIX,
        needs_password: false,
      });
    }));

  it.each([
    ["a wrong password", "wrong"],
    ["a longer password with the right beginning", `${"x".repeat(72)}y`],
  ])("denies %s and stays as it is", (_title, password) =>
    asClient(async (request) => {
      await makeAccount(request, "hal@example.com");
      await setBcrypt(request, "hal@example.com", "x".repeat(72));
      await expect(logIn(request, "hal@example.com", password, true)).rejects.toMatchObject({
        code: "LOGIN",
      });
      expect(await begin(request, "hal@example.com")).toMatchObject({ needs_password: true });
    }),
  );

  it("denies the stored hash as a password", () =>
    asClient(async (request) => {
      await makeAccount(request, "ivy@example.com");
      await setBcrypt(request, "ivy@example.com", PASSWORD);
      const hash = "select password_hash from app_private.password_hashes where password_hash like '$2%'";
      const stolen = await as(request, "reset role", () => request.value<string>(hash));
      await expect(
        request.attempt("select app_public.log_in('ivy@example.com', $1, $2)", ["x", stolen]),
      ).rejects.toMatchObject({ code: "LOGIN" });
    }));

  it("of somebody else costs an account with Argon2id nothing but time", () =>
    asClient(async (request) => {
      await makeAccount(request, "jim@example.com");
      await makeAccount(request, "kay@example.com");
      await setBcrypt(request, "kay@example.com", PASSWORD);
      expect(await logIn(request, "jim@example.com", PASSWORD, true)).toBe(1);
      await expect(logIn(request, "jim@example.com", "wrong", true)).rejects.toMatchObject({ code: "LOGIN" });
    }));
});

describe("change_password", () => {
  const change = (request: Request, current: string) =>
    request.attempt("select app_public.change_password($1, $2)", [
      hashOf(current),
      hashOf("another password"),
    ]);

  it("can be done by whoever knows the password, and ends the person's other sessions only", () =>
    db.asAnonymous(async (request) => {
      const [granted] = await makeAccount(request, "lea@example.com");
      const [other] = await request.rows<{ session_id: string }>(
        "select * from app_public.log_in('lea@example.com', $1)",
        [hashOf(PASSWORD)],
      );
      const userId = granted?.user_id ?? "";
      await request.become({ userId, sessionId: other?.session_id ?? "" });
      expect(
        await request.value("select app_public.change_password($1, $2)", [
          hashOf(PASSWORD),
          hashOf("another password"),
        ]),
      ).toBe(1);
      expect(await request.value("select id from app_public.viewer()")).toBe(userId);
      await request.become({ userId, sessionId: granted?.session_id ?? "" });
      await expect(request.attempt("select app_public.viewer()")).rejects.toMatchObject({ code: "UNAUT" });
    }));

  it("denies a wrong password, and whoever has none", async () => {
    const person = await createPerson(db.superuser);
    await db.asUser(person, (request) =>
      expect(change(request, PASSWORD)).rejects.toMatchObject({ code: "LOGIN" }),
    );
    await db.asAnonymous((request) =>
      expect(change(request, PASSWORD)).rejects.toMatchObject({ code: "42501" }),
    );
  });
});
