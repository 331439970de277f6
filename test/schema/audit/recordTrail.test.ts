import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { type Actor, applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const APPOINTMENTS = "app_public.appointments";

const database = useTestDatabase();
let world: World;
let appointmentId: string;
/** After the world was made, and before anything that a test does. */
let then: string;

beforeAll(async () => {
  world = await createWorld(database.superuser);
  appointmentId = world.here.appointment.id;
  const { rows } = await database.superuser.query<{ now: string }>("select clock_timestamp()::text as now");
  then = rows[0]?.now ?? "";
});

interface Arranged {
  organizationId?: string;
  table?: string;
  rowId?: string;
  command?: string;
  fields?: string[];
  changes?: object | null;
}

/** An event in another's name; of the appointment, unless it says of what. */
async function happened(client: ClientBase, event: Arranged): Promise<void> {
  const { organizationId = world.own, table = APPOINTMENTS, rowId = appointmentId } = event;
  const { command = "UPDATE", fields = ["status"], changes = null } = event;
  await client.query(
    `insert into app_audit.events
       (organization_id, clinic_id, actor_role, command, table_name, row_id, changed_fields, changes)
     values ($1, $2, 'app_worker', $3, $4, $5, $6, $7)`,
    [organizationId, world.here.clinic.id, command, table, rowId, fields, changes && JSON.stringify(changes)],
  );
}

/** Asks as somebody, after what a superuser has arranged. */
const asks = <Row extends object>(
  actor: Actor,
  arrange: (client: ClientBase) => Promise<unknown>,
  [sql, ...values]: [string, ...unknown[]],
) =>
  database.inTransaction(async (client) => {
    await arrange(client);
    await applySettings(client, requestSettings(actor));
    return (await client.query<Row>(sql, values)).rows;
  });

describe("what a record was", () => {
  const AS_OF = `select app_public.appointments_as_of(a, $2::timestamptz) as record from ${APPOINTMENTS} a where a.id = $1`;
  const was = async (actor: Actor, arrange: (client: ClientBase) => Promise<unknown>, time = then) => {
    const found = await asks<{ record: { status: string } }>(actor, arrange, [AS_OF, appointmentId, time]);
    return found[0]?.record.status;
  };
  const arrived = (client: ClientBase) =>
    client.query(`update ${APPOINTMENTS} set status = 'arrived' where id = $1`, [appointmentId]);
  const LOST = { code: "NTFND", message: expect.stringContaining("what it was is not on record") };

  it("is undone for the clinic's administrator by what happened to it alone", async () => {
    const { clinicAdmin } = world.here;
    await expect(was(clinicAdmin, (client) => happened(client, {}))).rejects.toMatchObject(LOST);
    for (const other of [
      { organizationId: world.foreign },
      { table: "app_public.clinics" },
      { rowId: world.there.appointment.id },
      { command: "SELECT" },
      { command: "DELETE" },
    ]) {
      const both = async (client: ClientBase) => {
        await arrived(client);
        await happened(client, other);
      };
      expect(await was(clinicAdmin, both)).toBe("booked");
    }
  });

  const asAbroad = (client: ClientBase) =>
    client.query(
      `insert into app_audit.events
         (organization_id, clinic_id, actor_role, command, table_name, row_id, changed_fields, changes)
       values ($1, $2, 'app_worker', 'UPDATE', $3, $4, '{status}', '{"old": {"status": "arrived"}}')`,
      [world.own, world.there.clinic.id, APPOINTMENTS, appointmentId],
    );

  it("is not shown to the administrator of the clinic from a time when it was another's", async () => {
    await expect(was(world.here.clinicAdmin, asAbroad)).rejects.toMatchObject({ code: "DENYD" });
  });

  it("is shown to who runs the organization, whichever clinic's it is or was", async () => {
    const asked = (arrange: (client: ClientBase) => Promise<unknown>) =>
      database.inTransaction(async (client) => {
        const { rows } = await client.query<{ a: object }>(
          `select to_jsonb(a) as a from ${APPOINTMENTS} a where id = $1`,
          [appointmentId],
        );
        await arrange(client);
        await applySettings(client, requestSettings(world.owner));
        const found = await client.query<{ status: string }>(
          "select app_hidden.record_as_of($1, $2, $3, $4) ->> 'status' as status",
          [APPOINTMENTS, rows[0]?.a, world.own, then],
        );
        return found.rows[0]?.status;
      });
    expect(await asked(() => Promise.resolve())).toBe("booked");
    expect(await asked(asAbroad)).toBe("arrived");
  });

  it("is shown to who runs the organization, and not to a clinic's administrator, where it is of no clinic", async () => {
    const { userId } = world.here.clinicAdmin;
    const before = (actor: Actor) =>
      asks(
        actor,
        (client) =>
          client.query("update app_public.organization_memberships set role = 'viewer' where user_id = $1", [
            userId,
          ]),
        [
          `select app_public.organization_memberships_as_of(m, $2::timestamptz) ->> 'role' as role
           from app_public.organization_memberships m where m.user_id = $1`,
          userId,
          then,
        ],
      );
    expect(await before(world.owner)).toEqual([{ role: "member" }]);
    await expect(before(world.here.clinicAdmin)).rejects.toMatchObject({ code: "DENYD" });
  });

  it("cannot be said of a time from which events have been removed, and can of a later one", async () => {
    const removed = (until: string) => (client: ClientBase) =>
      client.query(
        `insert into app_audit.tombstones
         values (1, '2000-01-01Z', $1, 0, '{}', '[]', 'x', sha256('x'), now(), null, 'x', decode(repeat('00', 64), 'hex'))`,
        [until],
      );
    const { clinicAdmin } = world.here;
    await expect(was(clinicAdmin, removed(new Date().toISOString()))).rejects.toMatchObject({
      code: "NTFND",
      message: "Changes since then are not on record any more.",
    });
    expect(await was(clinicAdmin, removed("2001-01-01Z"))).toBe("booked");
  });

  it.each([
    ["made after it, as the trail says", "2001-01-01Z", true],
    ["made after it, as the record itself says", "2101-01-01Z", false],
  ])("is nothing where the record was %s", async (_, createdAt, isOnRecord) => {
    const rowId = randomUUID();
    const arrange = (is: boolean) => async (client: ClientBase) => {
      if (is) {
        await happened(client, { command: "INSERT", rowId, fields: ["id", "status"] });
      }
    };
    const ask = (is: boolean, created: string) =>
      asks(world.here.clinicAdmin, arrange(is), [
        "select app_hidden.record_as_of($1, $2, $3, $4) as record",
        APPOINTMENTS,
        { id: rowId, clinic_id: world.here.clinic.id, status: "booked", created_at: created },
        world.own,
        then,
      ]);
    await expect(ask(isOnRecord, createdAt)).rejects.toMatchObject({
      code: "NTFND",
      message: "The record did not exist then.",
    });
    expect(await ask(false, "2001-01-01Z")).toMatchObject([{ record: { status: "booked" } }]);
  });
});

describe("the changes of a record", () => {
  const CHANGES = "select action from app_hidden.record_changes($1, $2) where created_at > $3 order by 1";
  const changes = (actor: Actor, events: Arranged[], table = APPOINTMENTS, rowId = appointmentId) =>
    asks<{ action: string }>(
      actor,
      async (client) => {
        for (const event of events) {
          await happened(client, event);
        }
      },
      [CHANGES, table, rowId, then],
    ).then((rows) => rows.map(({ action }) => action));

  it("are its own, and neither those of another record nor who looked at it", async () => {
    const { clinicAdmin } = world.here;
    expect(await changes(clinicAdmin, [{}, { command: "DELETE" }])).toEqual(["delete", "update"]);
    expect(
      await changes(clinicAdmin, [
        { rowId: world.there.appointment.id },
        { table: "app_public.clinics" },
        { command: "SELECT" },
      ]),
    ).toEqual([]);
  });

  it("of a patient are the patient's to see, and no provider's, and not those of anything else", async () => {
    const table = "app_public.patients";
    const rowId = world.here.patient.id;
    expect(await changes(world.portal, [{ table, rowId }], table, rowId)).toEqual(["update"]);
    expect(await changes(world.here.provider, [{ table, rowId }], table, rowId)).toEqual([]);
    expect(await changes(world.portal, [{ rowId }], APPOINTMENTS, rowId)).toEqual([]);
  });
});
