import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createPerson } from "../../../src/access/world/people.ts";
import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { type Actor, useTestDatabase } from "../../support/database.ts";
import { type IdFunction, readIdFunctions } from "./idFunctions.ts";

const db = useTestDatabase();
let functions: IdFunction[];
let owner: Actor;
let other: Actor;

beforeAll(async () => {
  functions = await readIdFunctions(db.superuser);
  owner = await createPerson(db.superuser);
  other = await createPerson(db.superuser);
});

describe("current_user_id, and with it every function that answers policies with ids", () => {
  const refused = async (
    actor: Actor,
    arrange?: (client: ClientBase) => Promise<unknown>,
    identity: Record<string, string> = {},
  ) => {
    await db.inTransaction(async (client) => {
      await arrange?.(client);
      await client.query("grant execute on all functions in schema app_hidden to app_user");
      await applySettings(client, { ...requestSettings(actor), ...identity });
      await client.query("savepoint ask");
      for (const { call } of [{ call: "app_hidden.current_user_id()" }, ...functions]) {
        const answer = client.query(`select ${call}`).then(({ rowCount }) => rowCount);
        expect([call, await answer.catch((error) => error.code)]).toEqual([call, "UNAUT"]);
        await client.query("rollback to savepoint ask");
      }
    });
  };

  it("answers who is signed in", () =>
    db.asUser(owner, async (request) => {
      expect(await request.value("select app_hidden.current_user_id()")).toBe(owner.userId);
    }));

  it.each([
    ["whose account is closed", "update app_public.users set deleted_at = now() where id = $1"],
    [
      "whose session is revoked",
      "update app_private.auth_sessions set revoked_at = now(), revoked_reason = 'test' where user_id = $1",
    ],
    [
      "whose session has expired",
      `update app_private.auth_sessions
       set created_at = now() - interval '2 days', expires_at = now() - interval '1 second' where user_id = $1`,
    ],
    ["whose session is gone", "delete from app_private.auth_sessions where user_id = $1"],
  ])("refuses somebody %s", (_who, sql) => refused(owner, (client) => client.query(sql, [owner.userId])));

  it("refuses somebody with the session of another", () =>
    refused({ userId: owner.userId, sessionId: other.sessionId }));

  describe("with a token of another issuer", () => {
    const ISSUER = "https://issuer.example";
    const identity = { "app.identity_issuer": ISSUER, "app.identity_subject": "subject-1" };
    const link = (
      client: ClientBase,
      userId: string,
      { issuer = ISSUER, subject = identity["app.identity_subject"] } = {},
    ) =>
      client.query("insert into app_private.user_identities (issuer, subject, user_id) values ($1, $2, $3)", [
        issuer,
        subject,
        userId,
      ]);

    it("answers whom its subject stands for", () =>
      db.inTransaction(async (client) => {
        await link(client, owner.userId);
        // Such a token knows no session here.
        await applySettings(client, { ...requestSettings(owner), ...identity, "jwt.claims.sid": "" });
        const { rows } = await client.query("select app_hidden.current_user_id() as id");
        expect(rows).toEqual([{ id: owner.userId }]);
      }));

    it.each([
      ["that stands for nobody", () => Promise.resolve()],
      ["that stands for somebody else", (client: ClientBase) => link(client, other.userId)],
      [
        "that stands for them at another issuer",
        (client: ClientBase) => link(client, owner.userId, { issuer: "https://other.example" }),
      ],
      [
        "beside the one that stands for them",
        (client: ClientBase) => link(client, owner.userId, { subject: "subject-2" }),
      ],
      [
        "that no longer stands for them",
        async (client: ClientBase) => {
          await link(client, owner.userId);
          await client.query("update app_private.user_identities set ended_at = now() where issuer = $1", [
            ISSUER,
          ]);
        },
      ],
    ])("refuses a subject %s", (_which, arrange) => refused(owner, arrange, identity));
  });
});
