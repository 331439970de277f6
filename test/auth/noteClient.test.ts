import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import { Pool } from "pg";

import { createPerson, createSession } from "../../src/access/world/people.ts";
import { makeHashClient } from "../../src/auth/clientHash.ts";
import { makeNoteClient, type NoteClient } from "../../src/auth/noteClient.ts";
import { useTestDatabase } from "../support/database.ts";

const hashClient = makeHashClient(null);
const db = useTestDatabase();
let userId: string;

beforeAll(async () => {
  ({ userId } = await createPerson(db.superuser));
});

function openPool() {
  const pool = new Pool({ connectionString: db.urls.gateway, max: 2 });
  db.beforeDrop(() => pool.end());
  return { pool, connect: jest.spyOn(pool, "connect") };
}

function use(noteClient: NoteClient, sessionId: string | null, agent: string): Promise<void> {
  const claims = { userId, sessionId, organizationId: null, clinicId: null, expiresAt: 0 };
  return noteClient({ claims, origin: { requestId: "r1", client: hashClient("192.0.2.1", agent) } });
}

async function recorded(sessionId: string): Promise<number> {
  const { rows } = await db.superuser.query<{ count: number }>(
    "select count(*)::integer from app_private.session_clients where session_id = $1",
    [sessionId],
  );
  return rows[0]?.count ?? 0;
}

describe("the clients of a session", () => {
  it("are put on record once each, and the hundredth is the last that the database is asked about", async () => {
    const { pool, connect } = openPool();
    const noteClient = makeNoteClient(pool);
    const [session, other] = [
      await createSession(db.superuser, userId),
      await createSession(db.superuser, userId),
    ];
    await use(noteClient, other, "home");
    for (let n = 0; n < 150; n += 1) {
      await use(noteClient, session, `agent ${n}`);
      await use(noteClient, session, "agent 0");
    }
    expect(connect).toHaveBeenCalledTimes(101);
    expect(await recorded(session)).toBe(100);
    await use(noteClient, other, "home");
    expect(connect).toHaveBeenCalledTimes(101);
    await use(noteClient, other, "elsewhere");
    expect(await recorded(other)).toBe(2);
  });

  it("let nobody through of whom it could not be recorded, and are tried again", async () => {
    const { pool, connect } = openPool();
    const noteClient = makeNoteClient(pool);
    const session = await createSession(db.superuser, userId);
    connect.mockImplementationOnce(() =>
      Promise.reject(Object.assign(new Error(), { code: "ECONNREFUSED" })),
    );
    await expect(use(noteClient, session, "home")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await recorded(session)).toBe(0);
    await use(noteClient, session, "home");
    expect(await recorded(session)).toBe(1);
  });

  it("are nothing to ask about where an outside issuer keeps the session", async () => {
    const { pool, connect } = openPool();
    await use(makeNoteClient(pool), null, "home");
    expect(connect).not.toHaveBeenCalled();
  });
});
