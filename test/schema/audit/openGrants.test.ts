import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Actor, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

/** Puts on record that each of these people read these patients, in one batch; null: nobody in particular. */
async function recordReads(
  client: ClientBase,
  reads: readonly { by: Actor | null; patientIds: readonly string[]; organizationId?: string | null }[],
) {
  const events = reads.map(({ by, patientIds, organizationId = world.own }, index) => ({
    settings: { ...(by ? requestSettings(by) : {}), "app.request_id": `read ${index}` },
    organizationId,
    tableName: "app_public.patients",
    fields: ["id"],
    patientIds,
    rowCount: patientIds.length,
  }));
  await applySettings(client, { role: "app_recorder" });
  await client.query("select app_hidden.record_events($1)", [JSON.stringify(events)]);
  await client.query("reset role");
  const { rows } = await client.query<{ grant_id: string | null }>(
    `select actor_id, organization_id, grant_id from app_audit.events
     where command = 'SELECT' and transaction_id = pg_current_xact_id() order by request_id`,
  );
  return rows;
}

/** An emergency access of the provider, to a patient of another clinic; gives its id. */
async function openAccess(client: ClientBase, patientId: string, minutes: number): Promise<string> {
  const { here, there, own } = world;
  const { rows } = await client.query<{ id: string }>(
    `insert into app_public.break_glass_grants
       (organization_id, patient_id, home_clinic_id, user_id, reason, created_at, expires_at)
     values ($1, $2, $3, $4, 'Unconscious on arrival', now() - interval '2 hours', now() + make_interval(mins => $5))
     returning id`,
    [own, patientId, there.clinic.id, here.provider.userId, minutes],
  );
  return rows[0]?.id ?? "";
}

describe("a batch of reads of several people", () => {
  it("names the emergency access of who has it, to that patient, and nobody else's", () =>
    db.inTransaction(async (client) => {
      const { here, there, own } = world;
      const patientIds = [there.patient.id];
      const grant = await openAccess(client, there.patient.id, 60);
      const by = { actor_id: here.provider.userId, organization_id: own };
      expect(
        await recordReads(client, [
          { by: there.provider, patientIds },
          { by: here.provider, patientIds },
          { by: null, patientIds },
          { by: here.provider, patientIds: [here.patient.id] },
          { by: here.provider, patientIds: [here.patient.id, there.patient.id] },
        ]),
      ).toEqual([
        { actor_id: there.provider.userId, organization_id: own, grant_id: null },
        { ...by, grant_id: grant },
        { actor_id: null, organization_id: own, grant_id: null },
        { ...by, grant_id: null },
        { ...by, grant_id: grant },
      ]);
    }));

  it("goes into the trail of each reader's own organization", () =>
    db.inTransaction(async (client) => {
      const people = [
        world.abroad.provider,
        world.here.provider,
        null,
        world.abroad.provider,
        world.stranger,
      ];
      const nothing = { patientIds: [], organizationId: null };
      const organizations = [world.foreign, world.own, null, world.foreign, null];
      expect(
        await recordReads(
          client,
          people.map((by) => ({ by, ...nothing })),
        ),
      ).toEqual(
        people.map((by, index) => ({
          actor_id: by?.userId ?? null,
          organization_id: organizations[index],
          grant_id: null,
        })),
      );
    }));
});

describe("an emergency access on record", () => {
  const grantOf = async (client: ClientBase, ...patientIds: string[]) => {
    const [read] = await recordReads(client, [{ by: world.here.provider, patientIds }]);
    return read?.grant_id;
  };

  it("is the one that lasts longest", () =>
    db.inTransaction(async (client) => {
      const { shared, there } = world;
      const ids = [
        await openAccess(client, shared.id, 10),
        await openAccess(client, there.patient.id, 60),
        await openAccess(client, shared.id, 20),
      ];
      expect(await grantOf(client, shared.id, there.patient.id)).toBe(ids[1]);
    }));

  it.each([
    ["it was ended by a reviewer", "update app_public.break_glass_grants set revoked_at = now()"],
    ["its time is over", "update app_public.break_glass_grants set expires_at = now()"],
    ["the membership of the clinic has ended", "update app_public.clinic_memberships set active = false"],
    [
      "the membership of the organization has ended",
      "update app_public.organization_memberships set active = false",
    ],
    ["the clinic is closed", "update app_public.clinics set active = false"],
    ["the role opens none", "update app_public.clinic_memberships set role = 'staff'"],
  ])("is not named where %s", (_, change) =>
    db.inTransaction(async (client) => {
      await openAccess(client, world.there.patient.id, 60);
      const condition = change.includes("clinics ")
        ? `where id = '${world.here.clinic.id}'`
        : `where user_id = '${world.here.provider.userId}'`;
      const { rowCount } = await client.query(`${change} ${condition}`);
      expect(rowCount).toBe(1);
      expect(await grantOf(client, world.there.patient.id)).toBeNull();
    }),
  );
});
