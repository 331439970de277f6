import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPatient } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

interface Log {
  id: string;
  at: string;
  patient: string;
}

const CONTENT = "select patient_ids from app_hidden.audit_content($1, $2)";
const LOGS = `select id, created_at::text as at, resource_id as patient from app_public.audit_logs
  where resource_id = any ($1) and action = 'update' order by resource_id`;

const db = useTestDatabase();
let world: World;
/** Whose events are of one moment. */
let patients: string[];

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const { id } = await createPatient(db.superuser, world.here.clinic);
  patients = [world.here.patient.id, id].sort();
  const change = (set: string, people: { userId: string }[]) =>
    db.superuser.query(
      `update app_public.organization_memberships set ${set} where organization_id = $1 and user_id = any ($2)`,
      [world.own, people.map(({ userId }) => userId)],
    );
  // The mark goes with the membership: one that was given afterwards is none either.
  await change("active = false", [world.there.viewer]);
  await change("is_privacy_officer = true", [world.there.staff, world.there.viewer]);
  await db.asUser(world.here.staff, async ({ client }) => {
    await client.query("update app_public.patients set city = 'Elsewhere' where id = $1", [patients[0]]);
    await client.query("commit");
  });
  await db.superuser.query(
    `insert into app_audit.events
       (occurred_at, organization_id, clinic_id, actor_id, actor_role, command, table_name, row_id, changed_fields, patient_ids)
     select occurred_at, organization_id, clinic_id, actor_id, actor_role, command, table_name, $2, changed_fields, array[$2::uuid]
     from app_audit.events where row_id = $1 and command = 'UPDATE'`,
    patients,
  );
});

const logs = () =>
  db.asUser(world.there.staff, ({ rows }) => rows<Log & Record<string, unknown>>(LOGS, [patients]));

async function firstLog(): Promise<Log> {
  const [log] = await logs();
  if (!log) {
    throw new Error("There is no event.");
  }
  return log;
}

describe("the content of an event", () => {
  it("is that of the event alone, and of none of the same moment", async () => {
    const found = await logs();
    expect(found.map(({ patient }) => patient)).toEqual(patients);
    expect(new Set(found.map(({ at }) => at)).size).toBe(1);
    await db.asUser(world.there.staff, async ({ rows }) => {
      for (const { id, at, patient } of found) {
        expect(await rows(CONTENT, [id, at])).toEqual([{ patient_ids: [patient] }]);
      }
    });
  });

  it("is not found by another moment", async () => {
    const log = await firstLog();
    await db.asUser(world.there.staff, async ({ rows }) =>
      expect(await rows(CONTENT, [log.id, "2000-01-01T00:00:00Z"])).toEqual([]),
    );
  });

  it.each([
    ["an owner who is no privacy officer", () => world.owner, undefined],
    ["a colleague of the privacy officer", () => world.there.provider, undefined],
    ["a privacy officer at work for another organization", () => world.there.staff, () => world.foreign],
  ])("is not for %s", async (_who, person, organization) => {
    const log = await firstLog();
    await db.asUser(
      person(),
      async ({ rows }) => expect(await rows(CONTENT, [log.id, log.at])).toEqual([]),
      organization ? { organizationId: organization() } : {},
    );
  });

  it("is not for a privacy officer whose membership has ended", async () => {
    const log = await firstLog();
    await db.asUser(world.there.viewer, async ({ rows }) =>
      expect(await rows(CONTENT, [log.id, log.at])).toEqual([]),
    );
  });

  it("makes nobody a privacy officer while seats are counted, over everybody's memberships", () =>
    db.inTransaction(async (client) => {
      const { userId, sessionId } = world.there.provider;
      await client.query(
        `select set_config('app.seat_scope', $1, true), set_config('jwt.claims.sub', $2, true),
           set_config('jwt.claims.sid', $3, true), set_config('role', 'app_user', true)`,
        [world.own, userId, sessionId],
      );
      const { rows } = await client.query("select app_hidden.privacy_officer_organization_ids()");
      expect(rows).toEqual([]);
    }));
});
