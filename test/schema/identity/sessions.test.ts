import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, createSession, type Person } from "../../../src/access/world/people.ts";
import { addAccounts } from "../../support/accounts.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";
import { grantOf, hashOf, makeAccount, PASSWORD } from "./sessionGrants.ts";

const db = useTestDatabase();
let person: Person;

beforeAll(async () => {
  await addAccounts(db.superuser);
  person = await createPerson(db.superuser);
});

describe("log_in", () => {
  const logIn = (request: Request, email: string, password: string) =>
    grantOf(request, "log_in($1, $2)", [email, hashOf(password)]);

  it("can sign in with the right password, whatever the case of the address", () =>
    db.asAnonymous(async (request) => {
      const first = await makeAccount(request, "erin@example.com");
      const grant = await logIn(request, "ERIN@example.com", PASSWORD);
      expect(grant.user_id).toBe(first.user_id);
      expect(grant.session_id).not.toBe(first.session_id);
    }));

  it.each([
    ["a wrong password", "frank@example.com", "wrong password!"],
    ["an unknown address", "nobody@example.com", PASSWORD],
  ])("denies %s with one and the same answer", (_title, email, password) =>
    db.asAnonymous(async (request) => {
      await makeAccount(request, "frank@example.com");
      await expect(logIn(request, email, password)).rejects.toMatchObject({
        code: "LOGIN",
        message: "E-mail address or password is wrong.",
      });
    }),
  );

  it("denies a person whose account is closed", () =>
    db.inTransaction(async (client) => {
      await client.query("select app_public.make_account('gone@example.com', $1)", [hashOf(PASSWORD)]);
      await client.query("update app_public.users set deleted_at = now() where email = 'gone@example.com'");
      await expect(
        client.query("select app_public.log_in('gone@example.com', $1)", [hashOf(PASSWORD)]),
      ).rejects.toMatchObject({
        code: "LOGIN",
      });
    }));
});

describe("a session that has ended", () => {
  const denied = (request: Request) =>
    expect(request.attempt("select * from app_public.viewer()")).rejects.toMatchObject({ code: "UNAUT" });

  it("is denied by the next statement after log_out", () =>
    db.asUser(person, async (request) => {
      expect(await request.value("select app_public.log_out()")).toBe(true);
      await denied(request);
    }));

  it("takes none of the person's other sessions along", async () => {
    const other = { ...person, sessionId: await createSession(db.superuser, person.userId) };
    await db.asUser(person, async (request) => {
      await request.value("select app_public.log_out()");
      await request.become(other);
      expect(await request.value("select id from app_public.viewer()")).toBe(person.userId);
    });
  });

  it.each([
    [
      "expired",
      "update app_private.auth_sessions set expires_at = now() - interval '1 second' where id = $1",
    ],
    [
      "revoked",
      "update app_private.auth_sessions set revoked_at = now(), revoked_reason = 'test' where id = $1",
    ],
    ["gone", "delete from app_private.auth_sessions where id = $1"],
  ])("denies one that is %s", async (_title, sql) => {
    const ended = { ...person, sessionId: await createSession(db.superuser, person.userId) };
    await db.superuser.query(sql, [ended.sessionId]);
    await db.asUser(ended, denied);
  });

  it("denies a session of somebody else", async () => {
    const other = await createPerson(db.superuser);
    await db.asUser({ userId: person.userId, sessionId: other.sessionId }, denied);
  });

  it("denies every table of a person whose account is closed", async () => {
    const closed = await createPerson(db.superuser);
    await db.superuser.query("update app_public.users set deleted_at = now() where id = $1", [closed.userId]);
    await db.asUser(closed, async (request) => {
      await denied(request);
      for (const table of ["patients", "organizations", "notifications"]) {
        await expect(request.attempt(`select id from app_public.${table}`)).rejects.toMatchObject({
          code: "UNAUT",
        });
      }
    });
  });
});

describe("a profile", () => {
  it("is there from the first moment and follows the address", () =>
    db.inTransaction(async (client) => {
      await client.query("insert into app_public.users (email) values ('kim@example.com')");
      await client.query(
        "update app_public.users set email = 'kim@new.example.com' where email = 'kim@example.com'",
      );
      const { rows } = await client.query("select email from app_public.profiles where email like 'kim@%'");
      expect(rows).toEqual([{ email: "kim@new.example.com" }]);
    }));

  it("can be changed by its person, except for the address", () =>
    db.asUser(person, async (request) => {
      expect(
        await request.attempt("update app_public.profiles set locale = 'fr_CA', consent_pipeda = true"),
      ).toBe(1);
      await expect(
        request.attempt("update app_public.profiles set email = 'x@example.com'"),
      ).rejects.toMatchObject({
        code: "42501",
      });
    }));
});
