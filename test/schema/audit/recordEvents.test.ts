import { beforeAll, describe, expect, it } from "@jest/globals";

import { joinOrganization } from "../../../src/access/world/people.ts";
import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Actor, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

describe("a read that shows no row", () => {
  /** Whose trail it goes into, where the request names an organization, or none. */
  const trailOf = (actor: Actor, named = "", arrange = "select") =>
    db.inTransaction(async (client) => {
      await client.query(arrange);
      const settings = { ...requestSettings(actor), "app.organization_id": named };
      const event = { settings, organizationId: null, tableName: "app_public.patients", fields: [] };
      await applySettings(client, { role: "app_recorder" });
      await client.query("select app_hidden.record_events($1)", [
        JSON.stringify([{ ...event, patientIds: [], rowCount: 0 }]),
      ]);
      await client.query("reset role");
      const { rows } = await client.query(
        "select actor_id, organization_id from app_audit.events where command = 'SELECT' and transaction_id = pg_current_xact_id()",
      );
      return rows;
    });
  const events = (actor: Actor, organizationId: string | null) => [
    { actor_id: actor.userId, organization_id: organizationId },
  ];

  it("goes into the trail of the reader's only organization", async () => {
    const { owner, own } = world;
    expect(await trailOf(owner)).toEqual(events(owner, own));
    expect(await trailOf(owner, own)).toEqual(events(owner, own));
  });

  it("goes into nobody's by naming an organization in which the reader is nobody, or has been", async () => {
    const { owner, own, foreign, stranger } = world;
    expect(await trailOf(owner, foreign)).toEqual(events(owner, null));
    expect(await trailOf(stranger, own)).toEqual(events(stranger, null));
    const leave = `update app_public.organization_memberships set active = false where user_id = '${owner.userId}'`;
    expect(await trailOf(owner, own, leave)).toEqual(events(owner, null));
  });

  it("goes into that of two which the request names, and into neither where it names none", async () => {
    const { admin, own, foreign } = world;
    await joinOrganization(db.superuser, admin, foreign, "admin");
    expect(await trailOf(admin)).toEqual(events(admin, null));
    for (const organizationId of [own, foreign]) {
      expect(await trailOf(admin, organizationId)).toEqual(events(admin, organizationId));
    }
  });
});

describe("a read that shows patients", () => {
  /** Of which row the event is that says so. */
  const rowOf = (tableName: string, patientIds: string[]) =>
    db.inTransaction(async (client) => {
      await applySettings(client, { role: "app_recorder" });
      const settings = requestSettings(world.here.provider);
      const event = {
        settings,
        organizationId: world.own,
        tableName,
        fields: ["id"],
        patientIds,
        rowCount: 1,
      };
      await client.query("select app_hidden.record_events($1)", [JSON.stringify([event])]);
      await client.query("reset role");
      const { rows } = await client.query(
        "select row_id, patient_ids from app_audit.events where command = 'SELECT' and transaction_id = pg_current_xact_id()",
      );
      expect(rows).toMatchObject([{ patient_ids: patientIds }]);
      return rows[0].row_id;
    });

  it("is one of the patient's row where it is of one patient, and otherwise of none", async () => {
    const [one, two] = [world.here.patient.id, world.shared.id];
    expect(await rowOf("app_public.patients", [one])).toBe(one);
    expect(await rowOf("app_public.patients", [one, two])).toBeNull();
    expect(await rowOf("app_public.appointments", [one])).toBeNull();
  });
});
