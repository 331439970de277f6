import { describe, expect, it } from "@jest/globals";
import pg from "pg";

import { assertPowerless } from "../../src/access/world/assertPowerless.ts";
import { useTestDatabase } from "./database.ts";

const db = useTestDatabase();
const NOBODY = {
  userId: "00000000-0000-7000-8000-00000000000a",
  sessionId: "00000000-0000-7000-8000-00000000000b",
};

async function refusal(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await assertPowerless(client).then(
      () => "not refused",
      (error: Error) => error.message,
    );
  } finally {
    await client.end();
  }
}

describe("a test of access", () => {
  it.each([
    ["a superuser", () => db.urls.superuser, /postgres is a superuser/],
    ["a role that bypasses row security", () => db.urls.backup, /app_backup bypasses row security/],
    ["the owner of the tables", () => db.urls.owner, /app_owner owns app_/],
  ])("cannot run as %s", async (_title, url, reason) => {
    expect(await refusal(url())).toMatch(reason);
  });

  it.each([
    ["the gateway's login role", () => db.urls.gateway],
    ["the role of imports", () => db.urls.data],
  ])("can run as %s", async (_title, url) => {
    expect(await refusal(url())).toBe("not refused");
  });
});

describe("a request", () => {
  it("runs as app_user behind the gateway's login, with the settings of the gateway", async () => {
    const seen = await db.asUser(
      NOBODY,
      (request) =>
        request.rows(
          `select current_user::text as role, session_user::text as login, auth.uid() as sub,
             app_hidden.current_session_id() as sid, app_hidden.purpose_of_use() as purpose`,
        ),
      { purposeOfUse: "treatment" },
    );
    expect(seen).toEqual([
      {
        role: "app_user",
        login: "app_authenticator",
        sub: NOBODY.userId,
        sid: NOBODY.sessionId,
        purpose: "treatment",
      },
    ]);
  });

  it("leaves nothing of itself on the connection", async () => {
    await db.asUser(NOBODY, async () => undefined);
    const seen = await db.asAnonymous((request) =>
      request.rows(
        "select current_user::text as role, auth.uid() as sub, app_hidden.current_session_id() as sid",
      ),
    );
    expect(seen).toEqual([{ role: "app_anonymous", sub: null, sid: null }]);
  });

  it("can go on as somebody else, and goes on after a refused attempt", async () => {
    await db.asUser(NOBODY, async (request) => {
      await expect(request.attempt("select 1 / 0")).rejects.toMatchObject({ code: "22012" });
      await request.become(null);
      expect(await request.value("select current_user::text")).toBe("app_anonymous");
    });
  });

  it("cannot change its own identity", async () => {
    await db.asUser(NOBODY, (request) =>
      expect(
        request.attempt("select set_config('jwt.claims.sub', gen_random_uuid()::text, true)"),
      ).rejects.toMatchObject({
        code: "42501",
      }),
    );
  });
});
