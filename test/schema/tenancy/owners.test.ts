import { describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createAdministrator, createOrganization, type Person } from "../../../src/access/world/people.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
const END = "update app_public.organization_memberships set active = false where user_id = $1";
const DEMOTE = "update app_public.organization_memberships set role = 'admin' where user_id = $1";
const CONFLICT = { code: "CNFLT", message: "The organization would be left without an owner." };

const createOwners = async () => {
  const organizationId = await createOrganization(db.superuser);
  const createOwner = () => createAdministrator(db.superuser, organizationId, "owner");
  return { organizationId, one: await createOwner(), other: await createOwner(), createOwner };
};
const activeOwners = async (organizationId: string) => {
  const { rows } = await db.superuser.query(
    `select user_id from app_public.organization_memberships
     where organization_id = $1 and role = 'owner' and active`,
    [organizationId],
  );
  return rows.map((row) => row.user_id);
};
/** Resolves once the connection waits for a lock of another, or has nothing to wait for. */
async function waitsOr(client: ClientBase, settled: Promise<unknown>): Promise<void> {
  const { processID } = client as unknown as { processID: number };
  const isOver = settled.then(() => true);
  const waits = async () => {
    const { rows } = await db.superuser.query("select cardinality(pg_blocking_pids($1)) > 0 as waits", [
      processID,
    ]);
    return rows[0].waits as boolean;
  };
  while (!(await Promise.race([isOver, waits()]))) {
    // Asked again: a lock is waited for a moment after the statement was sent.
  }
}

describe("two owners who put each other out at the same moment", () => {
  const meanwhile = (by: Person, whom: Person, other: Person, sql: string, second: string) =>
    db.asUser(by, async (first) => {
      expect(await first.attempt(sql, [whom.userId])).toBe(1);
      return db.asUser(whom, async ({ client }) => {
        const late = client.query(second, [other.userId]).then(
          ({ rowCount }) => client.query("commit").then(() => rowCount),
          (error: unknown) => error,
        );
        await waitsOr(client, late);
        await first.client.query("commit");
        return late;
      });
    });

  it.each([
    ["leave", END, END],
    ["step down", DEMOTE, DEMOTE],
    ["leave and step down", END, DEMOTE],
  ])("do not both %s: the second is refused", async (_what, sql, second) => {
    const { organizationId, one, other } = await createOwners();
    expect(await meanwhile(one, other, one, sql, second)).toMatchObject(CONFLICT);
    expect(await activeOwners(organizationId)).toEqual([one.userId]);
  });

  it("both go where a third stays, unless the third's account is closed", async () => {
    const { organizationId, one, other, createOwner } = await createOwners();
    const third = await createOwner();
    expect(await meanwhile(one, other, one, END, END)).toBe(1);
    expect(await activeOwners(organizationId)).toEqual([third.userId]);

    const closed = await createOwners();
    const { userId } = await closed.createOwner();
    await db.superuser.query("update app_public.users set deleted_at = now() where id = $1", [userId]);
    expect(await meanwhile(closed.one, closed.other, closed.one, END, END)).toMatchObject(CONFLICT);
  });
});

it("an owner puts out another, and keeps nobody of another organization waiting", async () => {
  const [here, there] = [await createOwners(), await createOwners()];
  await db.asUser(here.one, async (request) => {
    expect(await request.attempt(END, [here.other.userId])).toBe(1);
    await db.asUser(there.one, async ({ attempt }) =>
      expect(await attempt(END, [there.other.userId])).toBe(1),
    );
  });
});
