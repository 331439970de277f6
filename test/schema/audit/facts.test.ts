import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { applySettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

interface Facts {
  changes: Record<string, Record<string, unknown>> | null;
  [column: string]: unknown;
}

/** Runs statements as app_user, and gives the newest event of a table. */
function eventOf(
  table: string,
  settings: Record<string, string>,
  work: (client: ClientBase) => Promise<unknown>,
): Promise<Facts> {
  return db.inTransaction(async (client) => {
    await applySettings(client, { role: "app_user", ...settings });
    await work(client);
    await client.query("reset role");
    const { rows } = await client.query<Facts>(
      `select * from app_audit.events where table_name = $1 and transaction_id = pg_current_xact_id()
       order by id desc limit 1`,
      [table],
    );
    return rows[0] as Facts;
  });
}

const identity = () => ({
  "jwt.claims.sub": world.here.provider.userId,
  "jwt.claims.sid": world.here.provider.sessionId,
});
const changePatient = (settings: Record<string, string> = {}) =>
  eventOf("app_public.patients", { ...identity(), ...settings }, (client) =>
    client.query("update app_public.patients set phone = '555-0100' where id = $1", [world.here.patient.id]),
  );

describe("an event", () => {
  it("says where the request came from and what it was, by hashes that are cut", async () => {
    const event = await changePatient({
      "app.client_address": "a".repeat(64),
      "app.client_device": "b".repeat(64),
      "app.operation": "ChangePhone",
      "app.document_hash": "c".repeat(64),
    });
    expect(event).toMatchObject({
      address_hash: "a".repeat(32),
      device_hash: "b".repeat(32),
      operation: "ChangePhone",
      document_hash: "c".repeat(64),
      outcome: "ok",
      error_code: null,
      hash_version: 2,
    });
  });

  it("names the patient, and no emergency access where none is open", async () => {
    expect(await changePatient()).toMatchObject({ patient_ids: [world.here.patient.id], grant_id: null });
  });

  it("names the emergency access that the actor has open to the patient, and not one that has ended by time or by role", async () => {
    const { here } = world;
    const grant = (ends: string, role = "provider") =>
      db.inTransaction(async (client) => {
        const { rows } = await client.query<{ id: string }>(
          `insert into app_public.break_glass_grants
             (organization_id, patient_id, home_clinic_id, user_id, reason, created_at, expires_at)
           values ($1, $2, $3, $4, 'Unconscious on arrival', now() - interval '2 hours', now() + $5::interval)
           returning id`,
          [world.own, here.patient.id, here.clinic.id, here.provider.userId, ends],
        );
        await client.query("update app_public.clinic_memberships set role = $1 where user_id = $2", [
          role,
          here.provider.userId,
        ]);
        await applySettings(client, { role: "app_user", ...identity() });
        await client.query("update app_public.patients set phone = '111' where id = $1", [here.patient.id]);
        await client.query("reset role");
        const { rows: events } = await client.query<{ grant_id: string | null }>(
          `select grant_id from app_audit.events
           where table_name = 'app_public.patients' and transaction_id = pg_current_xact_id()`,
        );
        return { id: rows[0]?.id, grantIds: events.map((event) => event.grant_id) };
      });
    const open = await grant("1 hour");
    expect(open.grantIds).toEqual([open.id]);
    expect((await grant("-1 hour")).grantIds).toEqual([null]);
    expect((await grant("1 hour", "staff")).grantIds).toEqual([null]);
  });
});

describe("values", () => {
  it("are kept of plain columns, before and after", async () => {
    const { here } = world;
    const event = await eventOf(
      "app_public.clinics",
      { ...identity(), "jwt.claims.sub": world.owner.userId, "jwt.claims.sid": world.owner.sessionId },
      (client) =>
        client.query("update app_public.clinics set active = not active where id = $1", [here.clinic.id]),
    );
    expect(event.changes).toEqual({ old: { active: true }, new: { active: false } });
  });

  it("are hashed where they are PHI: alike for the same value of one organization, and for no other", async () => {
    const hashOf = async (organizationId: string) => {
      const { rows } = await db.inTransaction((client) =>
        client.query<{ hash: string }>(
          `select app_private.value_hash(k.key, '"555-0100"') as hash from app_audit.hash_keys k where k.organization_id = $1`,
          [organizationId],
        ),
      );
      return rows[0]?.hash;
    };
    const event = await changePatient();
    expect(Object.keys(event.changes ?? {}).sort()).toEqual(["newHash", "oldHash"]);
    expect(event.changes?.newHash).toEqual({ phone: await hashOf(world.own) });
    expect(event.changes?.newHash?.phone).toMatch(/^[0-9a-f]{32}$/);
    expect(await hashOf(world.foreign)).not.toBe(await hashOf(world.own));
  });

  it("are nowhere where they are secret, or of a column that nobody has classified", () =>
    db.inTransaction(async (client) => {
      await client.query("alter table app_public.patients add column later text");
      await client.query(
        "update app_public.patients set later = 'Marker', external_id = 'Marker' where id = $1",
        [world.here.patient.id],
      );
      const { rows } = await client.query<Facts>(
        "select changed_fields, changes from app_audit.events where transaction_id = pg_current_xact_id()",
      );
      expect(rows).toEqual([{ changed_fields: ["external_id", "later"], changes: null }]);
    }));

  it("of a row that is new or gone are its plain ones", () =>
    db.inTransaction(async (client) => {
      const { id, organizationId } = world.here.clinic;
      await client.query(
        `insert into app_public.session_templates (organization_id, clinic_id, name, version, body) values ($1, $2, 'N', 3, 'B')`,
        [organizationId, id],
      );
      await client.query("delete from app_public.session_templates where clinic_id = $1 and version = 3", [
        id,
      ]);
      const { rows } = await client.query<Facts>(
        `select command, changes from app_audit.events
         where transaction_id = pg_current_xact_id() and table_name = 'app_public.session_templates' order by id`,
      );
      expect(rows).toEqual([
        {
          command: "INSERT",
          changes: { new: expect.objectContaining({ clinic_id: id, version: 3, scope: "clinic" }) },
        },
        {
          command: "DELETE",
          changes: { old: expect.objectContaining({ clinic_id: id, version: 3, scope: "clinic" }) },
        },
      ]);
      expect(JSON.stringify(rows)).not.toMatch(/"(N|B)"/);
    }));
});

describe("app_audit.column_sensitivities", () => {
  it("says what the columns' comments say, of every audited table", () =>
    db.inTransaction(async (client) => {
      const list = async () =>
        (await client.query("select * from app_audit.column_sensitivities order by table_name")).rows;
      const before = await list();
      // Stale? The migration has to end with `select app_audit.note_sensitivity();`.
      await client.query("select app_audit.note_sensitivity()");
      expect(await list()).toEqual(before);
      expect(before.length).toBeGreaterThan(40);
    }));

  it("keeps no value of the vault, of private tables and of keys", async () => {
    const { rows } = await db.superuser.query(
      "select table_name from app_audit.column_sensitivities where table_name !~ '^app_public' and plain || phi <> '{}'",
    );
    expect(rows).toEqual([]);
  });
});

describe("the hash keys", () => {
  it("are there for every organization, one each", async () => {
    const { rows } = await db.superuser.query<Record<string, number>>(
      `select (select count(*)::int from app_public.organizations) as organizations, count(distinct key)::int as keys
       from app_audit.hash_keys`,
    );
    expect(rows[0]?.keys).toBe(rows[0]?.organizations);
  });

  it.each(["hash_keys", "column_sensitivities"])("denies everybody app_audit.%s", (table) =>
    db.asUser(world.superadmin, ({ attempt }) =>
      expect(attempt(`select 1 from app_audit.${table}`)).rejects.toMatchObject({ code: "42501" }),
    ),
  );
});
