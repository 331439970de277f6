import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";
import { useGateway } from "../../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;
/** Staff of a clinic, and the organization's privacy officer. */
let officer: World["here"]["staff"];

const APPOINT =
  "update app_public.organization_memberships set is_privacy_officer = $3 where organization_id = $1 and user_id = $2";
const IS_OFFICER =
  "select is_privacy_officer from app_public.organization_memberships where organization_id = $1 and user_id = $2";
const ACTIVE =
  "update app_public.organization_memberships set active = $3 where organization_id = $1 and user_id = $2";
const CONTENT = `select l.resource_type, c.changes, c.patient_ids, c.session_id
  from app_public.audit_logs l
  cross join lateral app_public.audit_logs_content(l) c
  where l.resource_id = $1 and c.changes is not null`;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  officer = world.there.staff;
  await db.asUser(world.owner, async ({ client }) => {
    await client.query(APPOINT, [world.own, officer.userId, true]);
    await client.query("commit");
  });
  await db.asUser(world.here.staff, async ({ client }) => {
    await client.query("update app_public.patients set phone = '+1 555 0199' where id = $1", [
      world.here.patient.id,
    ]);
    await client.query("commit");
  });
});

describe("a privacy officer", () => {
  it("sees the organization's whole trail with its content: whose record, which values, from which session", () =>
    db.asUser(officer, async ({ rows, value }) => {
      expect(
        await value("select count(*)::int from app_public.audit_logs where organization_id = $1", [
          world.own,
        ]),
      ).toBeGreaterThan(10);
      const [{ changes, ...event }] = await rows<any>(CONTENT, [world.here.patient.id]); // eslint-disable-line
      expect(event).toEqual({
        resource_type: "app_public.patients",
        patient_ids: [world.here.patient.id],
        session_id: world.here.staff.sessionId,
      });
      // A phone number is a patient's: its HMAC tells whether two are the same, and nothing more.
      expect(JSON.stringify(changes)).not.toMatch("0199");
      expect(changes.newHash.phone).toMatch(/^[0-9a-f]{32}$/);
    }));

  it("has the accounting of any patient's disclosures, and a record's whole history", () =>
    db.asUser(officer, async ({ value }) => {
      const report =
        "select count(*)::int from app_public.patient_access_report($1, '-infinity', 'infinity')";
      expect(await value(report, [world.here.patient.id])).toBeGreaterThan(0);
      const history = "select count(*)::int from app_hidden.record_changes('app_public.patients', $1)";
      expect(await value(history, [world.here.patient.id])).toBeGreaterThan(0);
    }));

  it("sees nothing of another organization's, and reads no patient by it", () =>
    db.asUser(officer, async ({ rows, value }) => {
      expect(
        await value("select count(*)::int from app_public.audit_logs where organization_id = $1", [
          world.foreign,
        ]),
      ).toBe(0);
      expect(await rows(CONTENT, [world.abroad.patient.id])).toEqual([]);
      expect(await rows("select from app_public.patients where id = $1", [world.here.patient.id])).toEqual(
        [],
      );
    }));

  it.each([
    ["an owner", () => world.owner],
    ["an admin", () => world.admin],
    ["a superadmin", () => world.superadmin],
    ["whoever made the change", () => world.here.staff],
    ["another organization's administrator", () => world.abroad.clinicAdmin],
  ])("is who the content is for: not %s", (_, person) =>
    db.asUser(person(), async ({ rows }) => expect(await rows(CONTENT, [world.here.patient.id])).toEqual([])),
  );

  it("loses the sight with the office, which ends with the membership and does not come back with it", async () => {
    await db.asUser(world.owner, async ({ client, value, become, rows }) => {
      await client.query(ACTIVE, [world.own, officer.userId, false]);
      await client.query(ACTIVE, [world.own, officer.userId, true]);
      expect(await value(IS_OFFICER, [world.own, officer.userId])).toBe(false);
      await become(officer);
      expect(await rows(CONTENT, [world.here.patient.id])).toEqual([]);
    });
  });
});

describe("the office", () => {
  const outcome = (person: World["owner"], userId: string, isOfficer: boolean) =>
    db.asUser(person, async ({ client }) => {
      const { rowCount } = await client
        .query(APPOINT, [world.own, userId, isOfficer])
        .catch((error: { code: string }) => ({ rowCount: error.code }));
      return rowCount;
    });

  it("is given and taken by an owner, and by no admin or officer", async () => {
    const { here } = world;
    expect(await outcome(world.owner, here.provider.userId, true)).toBe(1);
    expect(await outcome(world.owner, officer.userId, false)).toBe(1);
    expect(await outcome(world.admin, here.provider.userId, true)).toBe("DENYD");
    expect(await outcome(world.admin, officer.userId, false)).toBe("DENYD");
    expect(await outcome(officer, here.provider.userId, true)).toBe(0);
  });

  it("is not ended by an admin who ends the membership, which is the owner's to end; others' are the admin's, too", async () => {
    await db.asUser(world.admin, async ({ attempt, value }) => {
      await expect(attempt(ACTIVE, [world.own, officer.userId, false])).rejects.toMatchObject({
        code: "DENYD",
      });
      expect(await value(IS_OFFICER, [world.own, officer.userId])).toBe(true);
      expect(await attempt(ACTIVE, [world.own, world.here.staff.userId, false])).toBe(1);
    });
    await db.asUser(world.owner, async ({ attempt }) =>
      expect(await attempt(ACTIVE, [world.own, officer.userId, false])).toBe(1),
    );
  });

  it("is nobody's to give to themselves", async () => {
    for (const person of [world.owner, world.admin, world.here.provider]) {
      expect(await outcome(person, person.userId, true)).toBe(0);
    }
  });

  it("is on record with who gave it", async () => {
    const { rows } = await db.superuser.query(
      `select actor_id, changes -> 'new' ->> 'is_privacy_officer' as given from app_audit.events
       where 'is_privacy_officer' = any (changed_fields) and command = 'UPDATE'`,
    );
    expect(rows).toEqual([{ actor_id: world.owner.userId, given: "true" }]);
  });
});

it("looking at the content is itself on record", async () => {
  const { data, errors, headers } = await api.query(
    officer,
    `query ($id: UUID!) {
      auditLogs(filter: { resourceId: { equalTo: $id }, action: { equalTo: "update" } }) {
        nodes { action content { patientIds changes outcome } }
      }
    }`,
    { variables: { id: world.here.patient.id } },
  );
  expect(errors).toBeUndefined();
  expect(data.auditLogs.nodes[0].content).toMatchObject({
    patientIds: [world.here.patient.id],
    outcome: "ok",
  });
  const { rows } = await db.superuser.query(
    "select actor_id, changed_fields from app_audit.events where request_id = $1 and command = 'SELECT'",
    [headers.get("x-request-id")],
  );
  expect(rows).toEqual([
    {
      actor_id: officer.userId,
      changed_fields: expect.arrayContaining([
        "app_public.audit_content.changes",
        "app_public.audit_logs_content",
      ]),
    },
  ]);
});
