import { beforeAll, describe, expect, it } from "@jest/globals";

import { addAccounts } from "../../support/accounts.ts";
import { useTestDatabase } from "../../support/database.ts";
import { asGranted, hashOf, makeAccount, PASSWORD, refresh } from "./sessionGrants.ts";

const db = useTestDatabase();

beforeAll(() => addAccounts(db.superuser));

describe("refresh_session", () => {
  it("gives the next token of the same session", () =>
    db.asAnonymous(async (request) => {
      const first = await makeAccount(request, "henry@example.com");
      const second = await refresh(request, first.refresh_token);
      expect(second.session_id).toBe(first.session_id);
      expect(second.refresh_token).not.toBe(first.refresh_token);
      expect(second.expires_at).toEqual(first.expires_at);
      await request.become(asGranted(second));
      expect(await request.value("select id from app_public.viewer()")).toBe(first.user_id);
    }));

  it("revokes the whole family when a token comes a second time", () =>
    db.asAnonymous(async (request) => {
      const first = await makeAccount(request, "ida@example.com");
      const second = await refresh(request, first.refresh_token);
      expect((await refresh(request, first.refresh_token)).session_id).toBeNull();
      expect((await refresh(request, second.refresh_token)).session_id).toBeNull();
      await request.become(asGranted(second));
      await expect(request.attempt("select * from app_public.viewer()")).rejects.toMatchObject({
        code: "UNAUT",
      });
    }));

  it.each([
    ["a token", "app_private.refresh_tokens set expires_at"],
    ["a session", "app_private.auth_sessions set expires_at"],
    ["a session", "app_private.auth_sessions set revoked_reason = 'test', revoked_at"],
  ])("gives nothing for %s that has ended (%s)", (_what, column) =>
    db.inTransaction(async (client) => {
      const account = "select refresh_token from app_public.make_account('late@example.com', $1)";
      const { rows } = await client.query<{ refresh_token: string }>(account, [hashOf(PASSWORD)]);
      await client.query(`update ${column} = now()`);
      const refreshed = await client.query("select session_id from app_public.refresh_session($1)", [
        rows[0]?.refresh_token,
      ]);
      expect(refreshed.rows).toEqual([{ session_id: null }]);
    }),
  );

  it("gives nothing for a token that nobody handed out", () =>
    db.asAnonymous(async (request) => {
      expect((await refresh(request, "0".repeat(64))).session_id).toBeNull();
    }));

  it("gives nothing to a person whose account is closed", () =>
    db.inTransaction(async (client) => {
      const { rows } = await client.query("select * from app_public.make_account('jan@example.com', $1)", [
        hashOf(PASSWORD),
      ]);
      await client.query("update app_public.users set deleted_at = now() where id = $1", [rows[0].user_id]);
      const next = await client.query("select * from app_public.refresh_session($1)", [
        rows[0].refresh_token,
      ]);
      expect(next.rows[0].refresh_token).toBeNull();
    }));
});
