import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import {
  type Clinic,
  createAdministrator,
  createClinic,
  createMember,
  createOrganization,
  createPerson,
  joinOrganization,
  type Person,
} from "../../../src/access/world/people.ts";
import { withTenant } from "../../../src/database/withTenant.ts";
import { useTestDatabase } from "../../support/database.ts";

const NO_SEAT = { code: "SEATS" };
let gateway: pg.Pool;

// Before useTestDatabase: hooks run in the order they are given, and it drops the database at the end.
afterAll(() => gateway.end());
const db = useTestDatabase();
beforeAll(() => {
  gateway = new pg.Pool({ connectionString: db.urls.gateway, max: 12 });
});

interface Practice {
  organizationId: string;
  clinic: Clinic;
  owner: Person;
}

/** An organization with these seats, one of which its owner has. */
async function createPractice(seats: number): Promise<Practice> {
  const organizationId = await createOrganization(db.superuser);
  await setSeats(organizationId, seats);
  const owner = await createAdministrator(db.superuser, organizationId, "owner");
  return { organizationId, clinic: await createClinic(db.superuser, organizationId), owner };
}

const setSeats = (organizationId: string, seats: number) =>
  db.superuser.query("update app_public.subscriptions set seats = $2 where organization_id = $1", [
    organizationId,
    seats,
  ]);

/** In a transaction of its own, which commits. @returns the code. */
async function invite({ organizationId, owner }: Practice, email: string, clinic?: Clinic): Promise<string> {
  return withTenant(gateway, { organizationId, userId: owner.userId }, async (client) => {
    const { rows } = await client.query<{ code: string }>(
      "select code from app_public.invite_member($1, 'member', $2, $3::app_public.clinic_role)",
      [email, clinic?.id ?? null, clinic ? "staff" : null],
    );
    return rows[0]?.code ?? "";
  });
}

async function accept({ organizationId }: Practice, { userId }: Person, code: string): Promise<void> {
  await withTenant(gateway, { organizationId, userId }, (client) =>
    client.query("select from app_public.accept_invitation($1)", [code]),
  );
}

async function setActive(
  { organizationId, owner }: Practice,
  person: Person,
  active: boolean,
): Promise<void> {
  await withTenant(gateway, { organizationId, userId: owner.userId }, (client) =>
    client.query("update app_public.organization_memberships set active = $2 where user_id = $1", [
      person.userId,
      active,
    ]),
  );
}

async function membersOf({ organizationId }: Practice): Promise<number> {
  const { rows } = await db.superuser.query<{ count: number }>(
    "select count(*)::int from app_public.organization_memberships where organization_id = $1 and active",
    [organizationId],
  );
  return rows[0]?.count ?? 0;
}

/** How many succeeded; every failure must be for want of a seat. */
async function winners(attempts: Promise<unknown>[]): Promise<number> {
  const results = await Promise.allSettled(attempts);
  const failures = results.filter((result) => result.status === "rejected");
  failures.forEach(({ reason }) => expect(reason).toMatchObject(NO_SEAT));
  return results.length - failures.length;
}

describe("the last seat", () => {
  it.each([2, 10])("goes to one of %i invitations at once", async (count) => {
    const practice = await createPractice(2);
    const attempts = Array.from({ length: count }, (_, n) => invite(practice, `guest-${n}@example.com`));
    expect(await winners(attempts)).toBe(1);
  });

  it("goes to one of two people who accept at once, when there were more seats as they were invited", async () => {
    const practice = await createPractice(3);
    const guests = [await createPerson(db.superuser), await createPerson(db.superuser)];
    const codes = await Promise.all(guests.map(({ email }) => invite(practice, email)));
    await setSeats(practice.organizationId, 2);
    expect(await winners(guests.map((guest, n) => accept(practice, guest, codes[n] ?? "")))).toBe(1);
    expect(await membersOf(practice)).toBe(2);
  });

  it("goes to an invitation or to a member who comes back, not to both", async () => {
    const practice = await createPractice(2);
    const former = await createMember(db.superuser, practice.clinic, "staff");
    await setActive(practice, former, false);
    expect(await winners([invite(practice, "guest@example.com"), setActive(practice, former, true)])).toBe(1);
  });

  it("makes the second wait for the first, and go on when the first gives up", async () => {
    const practice = await createPractice(2);
    const { organizationId, owner } = practice;
    let second: Promise<string> | undefined;
    const first = withTenant(gateway, { organizationId, userId: owner.userId }, async (client) => {
      await client.query("select from app_public.invite_member('first@example.com')");
      second = invite(practice, "second@example.com");
      const state = await Promise.race([
        second.then(() => "went on"),
        new Promise((resolve) => setTimeout(resolve, 300, "waits")),
      ]);
      expect(state).toBe("waits");
      throw new Error("changed my mind");
    });
    await expect(first).rejects.toThrow("changed my mind");
    await expect(second).resolves.toMatch(/^[0-9a-f]{40}$/);
  });

  it("of one organization keeps nobody of another waiting", async () => {
    const [here, there] = [await createPractice(2), await createPractice(2)];
    await withTenant(
      gateway,
      { organizationId: here.organizationId, userId: here.owner.userId },
      async (client) => {
        await client.query("select from app_public.invite_member('guest@example.com')");
        await expect(invite(there, "other@example.com")).resolves.toBeDefined();
      },
    );
  });
});

describe("a seat", () => {
  it("is free again when an invitation is revoked or expires, or a member is deactivated", async () => {
    const practice = await createPractice(2);
    const of = [practice.organizationId];
    await invite(practice, "one@example.com");
    await expect(invite(practice, "two@example.com")).rejects.toMatchObject(NO_SEAT);
    await db.superuser.query(
      "update app_public.invitations set revoked_at = now() where organization_id = $1",
      of,
    );
    const second = await invite(practice, "two@example.com");
    expect(second).not.toBe("");
    await db.superuser.query(
      "update app_public.invitations set expires_at = now() - interval '1 minute' where organization_id = $1",
      of,
    );
    const guest = await createPerson(db.superuser);
    await accept(practice, guest, await invite(practice, guest.email));
    await expect(invite(practice, "three@example.com")).rejects.toMatchObject(NO_SEAT);
    await setActive(practice, guest, false);
    await expect(invite(practice, "three@example.com")).resolves.toBeDefined();
  });

  it("is taken again by an invitation that expired and is extended", async () => {
    const practice = await createPractice(2);
    await invite(practice, "one@example.com");
    const expireIn = (interval: string) =>
      db.superuser.query(
        `update app_public.invitations set expires_at = now() + $2::interval
         where organization_id = $1 and email = 'one@example.com'`,
        [practice.organizationId, interval],
      );
    await expireIn("-1 minute");
    await invite(practice, "two@example.com");
    await expect(expireIn("1 day")).rejects.toMatchObject(NO_SEAT);
  });

  it("is one for a person who is invited twice, and none for a member who is invited into a clinic", async () => {
    const practice = await createPractice(2);
    const guest = await createPerson(db.superuser);
    await invite(practice, guest.email);
    await accept(practice, guest, await invite(practice, guest.email, practice.clinic));
    const other = await createClinic(db.superuser, practice.organizationId);
    await accept(practice, guest, await invite(practice, guest.email, other));
    expect(await membersOf(practice)).toBe(2);
  });

  it("that was promised is not given to a member who comes back", async () => {
    const practice = await createPractice(2);
    const guest = await createPerson(db.superuser);
    const former = await createMember(db.superuser, practice.clinic, "staff");
    await setActive(practice, former, false);
    const code = await invite(practice, guest.email);
    await expect(setActive(practice, former, true)).rejects.toMatchObject(NO_SEAT);
    await accept(practice, guest, code);
  });

  it("is not taken from anybody when the plan shrinks, but nobody new comes", async () => {
    const practice = await createPractice(3);
    const member = await createMember(db.superuser, practice.clinic, "staff");
    await setSeats(practice.organizationId, 1);
    expect(await membersOf(practice)).toBe(2);
    await setActive(practice, member, true);
    await expect(invite(practice, "guest@example.com")).rejects.toMatchObject(NO_SEAT);
  });

  it("is one of at most 25 when the subscription is no longer paid", async () => {
    const practice = await createPractice(100);
    const { rows } = await db.superuser.query(
      `update app_public.subscriptions set plan = 'pro', status = 'unpaid' where organization_id = $1
       returning effective_plan as plan, effective_seats as seats`,
      [practice.organizationId],
    );
    expect(rows).toEqual([{ plan: "free", seats: 25 }]);
  });

  it("is not asked of an import, which brings people as they were", async () => {
    const practice = await createPractice(1);
    const person = await createPerson(db.superuser);
    await db.asData([practice.organizationId], (request) =>
      request.attempt(
        "insert into app_public.organization_memberships (organization_id, user_id, role) values ($1, $2, 'member')",
        [practice.organizationId, person.userId],
      ),
    );
    await expect(joinOrganization(db.superuser, person, practice.organizationId)).rejects.toMatchObject(
      NO_SEAT,
    );
  });
});
