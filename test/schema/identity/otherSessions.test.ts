import { describe, expect, it } from "@jest/globals";

import { createPerson, createSession } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";
import { takeTurns, type Turns } from "../../support/takeTurns.ts";

const db = useTestDatabase();

/** Two people with a session each, last seen a day ago, and a refresh token of each. */
const amongTwo = (work: (turns: Turns, mine: Session, theirs: Session) => Promise<void>): Promise<void> =>
  takeTurns(db, async (turns) => work(turns, await signIn(turns, "mine"), await signIn(turns, "theirs")));

interface Session {
  userId: string;
  sessionId: string;
  token: string;
}

async function signIn(turns: Turns, token: string): Promise<Session> {
  const { userId, sessionId } = await createPerson(turns.client);
  await turns.rows(
    "update app_private.auth_sessions set last_seen_at = now() - interval '1 day' where id = $1",
    [sessionId],
  );
  await turns.rows(
    `insert into app_private.refresh_tokens (token_hash, session_id, expires_at)
     values (sha256($1), $2, now() + interval '1 hour')`,
    [Buffer.from(token), sessionId],
  );
  return { userId, sessionId, token };
}

const stateOf = async (turns: Turns, { sessionId }: { sessionId: string }) =>
  (
    await turns.rows(
      "select revoked_reason as ended, last_seen_at = now() as seen from app_private.auth_sessions where id = $1",
      [sessionId],
    )
  )[0];
const end = (turns: Turns, { sessionId }: { sessionId: string }, what = "expires_at = now()") =>
  turns.rows(`update app_private.auth_sessions set ${what} where id = $1`, [sessionId]);
const refresh = async (turns: Turns, token: string) => {
  const [grant] = await turns.as<{ user_id: string | null; session_id: string | null }>(
    null,
    "select user_id, session_id from app_public.refresh_session($1)",
    [token],
  );
  return grant;
};
const REVOKED = "revoked_at = now(), revoked_reason = 'before'";
const UNTOUCHED = { ended: null, seen: false };
const NOTHING = { user_id: null, session_id: null };

describe("refresh_session", () => {
  it("continues the session of its token, and no other", () =>
    amongTwo(async (turns, mine, theirs) => {
      expect(await refresh(turns, "theirs")).toEqual({
        user_id: theirs.userId,
        session_id: theirs.sessionId,
      });
      expect(await stateOf(turns, theirs)).toEqual({ ended: null, seen: true });
      expect(await stateOf(turns, mine)).toEqual(UNTOUCHED);
    }));

  it("gives nothing of another session where the token's own has ended", () =>
    amongTwo(async (turns, mine, theirs) => {
      await end(turns, mine);
      expect(await refresh(turns, "mine")).toEqual(NOTHING);
      expect(await stateOf(turns, theirs)).toEqual(UNTOUCHED);
    }));

  it("gives nothing to a person whose account is closed, whoever else has one", () =>
    amongTwo(async (turns, mine) => {
      await turns.rows("update app_public.users set deleted_at = now() where id = $1", [mine.userId]);
      expect(await refresh(turns, "mine")).toEqual(NOTHING);
      expect((await refresh(turns, "theirs"))?.session_id).not.toBeNull();
    }));

  it("ends the session of a token that comes twice, and no other", () =>
    amongTwo(async (turns, mine, theirs) => {
      await refresh(turns, "theirs");
      await refresh(turns, "mine");
      expect(await refresh(turns, "mine")).toEqual(NOTHING);
      expect(await stateOf(turns, mine)).toMatchObject({ ended: "refresh token used twice" });
      expect(await stateOf(turns, theirs)).toMatchObject({ ended: null });
    }));

  it("ends nobody's session for a token that is none, or that came too late the first time", () =>
    amongTwo(async (turns, mine, theirs) => {
      await refresh(turns, "theirs");
      expect(await refresh(turns, "none")).toEqual(NOTHING);
      await turns.rows("update app_private.refresh_tokens set expires_at = now() where used_at is null");
      expect(await refresh(turns, "mine")).toEqual(NOTHING);
      expect(await stateOf(turns, mine)).toEqual(UNTOUCHED);
      expect(await stateOf(turns, theirs)).toMatchObject({ ended: null });
    }));

  it("says no other reason of a session that had ended before its token came twice", () =>
    amongTwo(async (turns, mine) => {
      await refresh(turns, "mine");
      await end(turns, mine, REVOKED);
      expect(await refresh(turns, "mine")).toEqual(NOTHING);
      expect(await stateOf(turns, mine)).toMatchObject({ ended: "before" });
    }));
});

it("revoke_other_sessions ends those of the person that still go on, and counts no other", () =>
  amongTwo(async (turns, mine, theirs) => {
    const other = { sessionId: await createSession(turns.client, mine.userId) };
    const expired = { sessionId: await createSession(turns.client, mine.userId) };
    await end(turns, expired);
    const revoked = { sessionId: await createSession(turns.client, mine.userId) };
    await end(turns, revoked, REVOKED);
    expect(await turns.as(mine, "select app_public.revoke_other_sessions() as count")).toEqual([
      { count: 1 },
    ]);
    const ended = [];
    for (const session of [mine, other, expired, revoked, theirs]) {
      ended.push((await stateOf(turns, session))?.["ended"]);
    }
    expect(ended).toEqual([null, "revoked by its owner", null, "before", null]);
  }));

describe("revoke_session", () => {
  const revoke = (turns: Turns, mine: Session, { sessionId }: { sessionId: string }) =>
    turns.as(mine, "select app_public.revoke_session($1) as answer", [sessionId]);

  it("ends the one that was named", () =>
    amongTwo(async (turns, mine, theirs) => {
      const other = { sessionId: await createSession(turns.client, mine.userId) };
      expect(await revoke(turns, mine, other)).toEqual([{ answer: true }]);
      expect(await stateOf(turns, other)).toMatchObject({ ended: "revoked by its owner" });
      expect(await stateOf(turns, mine)).toEqual(UNTOUCHED);
      expect(await stateOf(turns, theirs)).toEqual(UNTOUCHED);
    }));

  it("denies one of somebody else, and one that has ended, with one answer", () =>
    amongTwo(async (turns, mine, theirs) => {
      const expired = { sessionId: await createSession(turns.client, mine.userId) };
      await end(turns, expired);
      const revoked = { sessionId: await createSession(turns.client, mine.userId) };
      await end(turns, revoked, REVOKED);
      for (const session of [theirs, expired, revoked]) {
        await expect(revoke(turns, mine, session)).rejects.toMatchObject({
          code: "NTFND",
          message: "There is no such session.",
        });
      }
    }));
});

describe("log_out", () => {
  const logOut = (turns: Turns, session: { userId: string; sessionId: string }) =>
    turns.as(session, "select app_public.log_out() as answer");

  it("denies the session of somebody else", () =>
    amongTwo(async (turns, mine, theirs) => {
      const stolen = { userId: mine.userId, sessionId: theirs.sessionId };
      await expect(logOut(turns, stolen)).rejects.toMatchObject({ code: "UNAUT" });
      expect(await stateOf(turns, theirs)).toEqual(UNTOUCHED);
    }));

  it("says no to a session that has been left, which stays as it was", () =>
    amongTwo(async (turns, mine) => {
      expect(await logOut(turns, mine)).toEqual([{ answer: true }]);
      expect(await logOut(turns, mine)).toEqual([{ answer: false }]);
      expect(await stateOf(turns, mine)).toMatchObject({ ended: "logged out" });
    }));
});

describe("users_sessions", () => {
  const sessionsOf = (turns: Turns, viewer: Session, { userId }: Session) =>
    turns.as(
      viewer,
      `select s.session_id as id, s.client_count as clients
       from app_public.users u, app_public.users_sessions(u) s where u.id = $1`,
      [userId],
    );

  it("shows a person the sessions that go on, with the clients of each", () =>
    amongTwo(async (turns, mine, theirs) => {
      await end(turns, { sessionId: await createSession(turns.client, mine.userId) });
      await end(turns, { sessionId: await createSession(turns.client, mine.userId) }, REVOKED);
      await turns.rows(
        `insert into app_private.session_clients (session_id, client_hash)
         select s, repeat(n::text, 64) from unnest($1::uuid[]) with ordinality as each (s, n)`,
        [[mine.sessionId, theirs.sessionId]],
      );
      expect(await sessionsOf(turns, mine, mine)).toEqual([{ id: mine.sessionId, clients: 1 }]);
    }));

  it("shows a superadmin, who sees every person, nobody's but their own", () =>
    amongTwo(async (turns, mine, theirs) => {
      await turns.rows("update app_public.users set is_superadmin = true where id = $1", [mine.userId]);
      expect(await sessionsOf(turns, mine, mine)).toHaveLength(1);
      expect(await sessionsOf(turns, mine, theirs)).toEqual([]);
    }));
});

describe("note_session_client", () => {
  const noted = async (turns: Turns, session: { userId: string; sessionId: string }) => {
    await turns.as(session, "select app_hidden.note_session_client(repeat('a', 64))");
    return turns.rows(
      "select session_id as id from app_private.session_clients where client_hash = repeat('a', 64)",
    );
  };

  it("notes a client of the session of the request, and of no other of the person", () =>
    amongTwo(async (turns, mine) => {
      await createSession(turns.client, mine.userId);
      expect(await noted(turns, mine)).toEqual([{ id: mine.sessionId }]);
    }));

  it("notes none of a session that is somebody else's or has ended", () =>
    amongTwo(async (turns, mine, theirs) => {
      expect(await noted(turns, { userId: mine.userId, sessionId: theirs.sessionId })).toEqual([]);
      await end(turns, mine);
      expect(await noted(turns, mine)).toEqual([]);
      await end(turns, theirs, REVOKED);
      expect(await noted(turns, theirs)).toEqual([]);
    }));

  it("notes a hundred of a session, however many others have", () =>
    amongTwo(async (turns, mine, theirs) => {
      await turns.rows(
        `insert into app_private.session_clients (session_id, client_hash)
         select $1, encode(sha256(n::text::bytea), 'hex') from generate_series(1, 100) n`,
        [theirs.sessionId],
      );
      expect(await noted(turns, theirs)).toEqual([]);
      expect(await noted(turns, mine)).toEqual([{ id: mine.sessionId }]);
    }));
});
