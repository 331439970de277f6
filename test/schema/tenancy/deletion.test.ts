import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import {
  createClinic,
  createMember,
  createOrganization,
  createPerson,
} from "../../../src/access/world/people.ts";
import { fillVault } from "../../../src/access/world/vaultRows.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";
import {
  audited,
  cascadesFrom,
  countBy,
  deletionsOnRecord,
  eventCount,
  EXPORT_LINK,
  KEPT_ANSWER,
  KEPT_ORIGINAL,
  MAILED_TOKEN,
  OF_ORGANIZATION,
} from "./deletionRecord.ts";

/**
 * No request and no import may delete a person, a clinic or an organization (the access matrix shows it): people are
 * closed, the rest is deactivated. This is about an operator who does it all the same, as a superuser.
 */
const db = useTestDatabase();
/** What `on delete restrict` says: Postgres 18 has a code of its own for it. */
const REFUSED = { code: expect.stringMatching(/^(23001|23503)$/) };
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const remove = (client: ClientBase, table: string, id: string) =>
  client.query(`delete from app_public.${table} where id = $1`, [id]);

const each = (tables: readonly string[], count: number) =>
  Object.fromEntries(tables.map((table) => [table, count]));

describe("deleting a person", () => {
  it("takes everything that is theirs alone, the vault included, and nothing of the record of it", async () => {
    const person = await createPerson(db.superuser);
    await db.superuser.query(
      `with consent as (update app_public.profiles set consent_pipeda = true where user_id = $1),
       password as (insert into app_private.password_hashes (user_id, password_hash) values ($1, 'x')),
       identity as (insert into app_private.user_identities (issuer, subject, user_id) values ('i', $1::text, $1)),
       legacy as (insert into app_private.user_id_map (legacy_id, user_id) values ($1::text, $1))
       insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
       values ($2, $1, 'x', 'x', $1, $1::text)`,
      [person.userId, world.own],
    );
    await db.superuser.query(KEPT_ANSWER, [person.userId, world.own]);
    await db.superuser.query(MAILED_TOKEN, [person.userId]);
    await db.superuser.query(EXPORT_LINK, [person.userId]);
    await fillVault(db, person, world.here.clinic.id);
    await db.inTransaction(async (client) => {
      const tables = await cascadesFrom(client, "app_public.users");
      const before = await countBy(client, tables, "user_id", person.userId);
      expect(Object.entries(before).filter(([, count]) => count === 0)).toEqual([]);
      const known = await eventCount(client, "row_id = $1 or actor_id = $1", person.userId);
      expect(known).toBeGreaterThan(10);

      await remove(client, "users", person.userId);
      expect(await countBy(client, tables, "user_id", person.userId)).toEqual(each(tables, 0));
      expect(await eventCount(client, "row_id = $1 or actor_id = $1", person.userId)).toBeGreaterThan(known);
      expect(await deletionsOnRecord(client)).toEqual(audited(["app_public.users", ...tables]));
    });
  });

  it("leaves a patient's record, which is nobody's account any more", () =>
    db.inTransaction(async (client) => {
      await remove(client, "users", world.portal.userId);
      const { rows } = await client.query("select portal_user_id from app_public.patients where id = $1", [
        world.here.patient.id,
      ]);
      expect(rows).toEqual([{ portal_user_id: null }]);
      const { rows: events } = await client.query(
        "select changed_fields from app_audit.events where row_id = $1 and command = 'UPDATE'",
        [world.here.patient.id],
      );
      expect(events).toEqual([{ changed_fields: ["portal_user_id"] }]);
    }));

  it("is refused for whoever belongs or has belonged to an organization: what they did stays theirs", async () => {
    const member = await createMember(db.superuser, world.here.clinic, "staff");
    await db.superuser.query(
      `with clinic as (update app_public.clinic_memberships set active = false where user_id = $1)
       update app_public.organization_memberships set active = false where user_id = $1`,
      [member.userId],
    );
    for (const { userId } of [member, world.here.provider, world.owner]) {
      await db.inTransaction((client) =>
        expect(remove(client, "users", userId)).rejects.toMatchObject(REFUSED),
      );
    }
  });
});

describe("deleting a clinic", () => {
  const TENANT = "organization_id, clinic_id";
  it.each([
    ["people", `clinic_memberships (${TENANT}, user_id, role, display_name)`, "$1, $2, $3, 'staff', 'X'"],
    [
      "patients",
      "patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date)",
      "$1, $2, $3, 'G', 'F', '2000-01-01'",
    ],
    [
      "figures",
      `financial_metrics (${TENANT}, metric_key, day, value, note)`,
      "$1, $2, 'expenses', '2030-01-01', 1, $3",
    ],
    [
      "goals",
      `goals (${TENANT}, name, area, metric_key, target, starts_on, ends_on)`,
      "$1, $2, $3, 'call', 'calls_received', 1, '2030-01-01', '2030-01-02'",
    ],
    [
      "reports",
      `reports (${TENANT}, period, starts_on, ends_on, figures, created_by)`,
      "$1, $2, 'week', '2029-12-31', '2030-01-06', '[]', $3::uuid",
    ],
    ["templates", `session_templates (${TENANT}, name, version, body)`, "$1, $2, $3, 1, 'x'"],
    ["exports", `export_requests (${TENANT}, kind, created_by)`, "$1, $2, 'patients', $3::uuid"],
    ["integrations", `integrations (${TENANT}, provider, name)`, "$1, $2, 'google_sheets', $3"],
  ])("is refused while it has %s", async (_what, columns, values) => {
    const clinic = await createClinic(db.superuser, world.own);
    await db.inTransaction(async (client) => {
      const somebody = columns.includes("user_id") ? world.there.staff.userId : world.owner.userId;
      await client.query(`insert into app_public.${columns} values (${values})`, [
        world.own,
        clinic.id,
        somebody,
      ]);
      await expect(remove(client, "clinics", clinic.id)).rejects.toMatchObject(REFUSED);
    });
  });

  it("is refused while something is shared with it", async () => {
    for (const [columns, values] of [
      [
        "patient_clinic_links (organization_id, clinic_id, patient_id, home_clinic_id)",
        [world.here.patient.id, world.here.clinic.id],
      ],
      [
        "resource_shares (organization_id, clinic_id, care_session_id, owner_clinic_id)",
        [world.here.careSessionId, world.here.clinic.id],
      ],
    ] as const) {
      const clinic = await createClinic(db.superuser, world.own);
      await db.inTransaction(async (client) => {
        await client.query(`insert into app_public.${columns} values ($1, $2, $3, $4)`, [
          world.own,
          clinic.id,
          ...values,
        ]);
        await expect(remove(client, "clinics", clinic.id)).rejects.toMatchObject(REFUSED);
      });
    }
  });

  it("takes the invitations to it, and stays on record", async () => {
    const clinic = await createClinic(db.superuser, world.own);
    await db.inTransaction(async (client) => {
      await client.query(
        `insert into app_public.invitations
           (organization_id, clinic_id, email, organization_role, clinic_role, code_hash, expires_at)
         values ($1, $2, 'x@example.com', 'member', 'staff', sha256('gone'), now() + interval '1 day')`,
        [world.own, clinic.id],
      );
      await remove(client, "clinics", clinic.id);
      expect(await countBy(client, ["app_public.invitations"], "clinic_id", clinic.id)).toEqual({
        "app_public.invitations": 0,
      });
      expect(await deletionsOnRecord(client)).toEqual(["app_public.clinics", "app_public.invitations"]);
      expect(await eventCount(client, "row_id = $1", clinic.id)).toBe(2);
    });
  });
});

describe("deleting a clinic that records of a vault are shared with", () => {
  it("leaves the share, which no clinic can open any more, and the owner's record of who did", async () => {
    const clinic = await createClinic(db.superuser, world.own);
    await fillVault(db, world.stranger, clinic.id);
    await db.inTransaction(async (client) => {
      await remove(client, "clinics", clinic.id);
      const { rows } = await client.query(
        `select s.recipient_clinic_id, count(a.id)::int as accesses
         from app_vault.healthcare_shares s
         join app_vault.share_accesses a on a.share_id = s.id
         where s.user_id = $1
         group by s.id`,
        [world.stranger.userId],
      );
      expect(rows).toEqual([{ recipient_clinic_id: null, accesses: 1 }]);
    });
  });
});

describe("deleting an organization", () => {
  it.each([
    ["clinics", "app_public.clinics (organization_id, name) values ($1, 'X')"],
    ["a legal hold", "app_audit.legal_holds (organization_id, reason) values ($1, 'Court order')"],
    ["a retention policy", "app_audit.retention_policies (organization_id, jurisdiction) values ($1, 'ON')"],
  ])("is refused while it has %s", async (_what, insert) => {
    const organizationId = await createOrganization(db.superuser);
    await db.inTransaction(async (client) => {
      await client.query(`insert into ${insert}`, [organizationId]);
      await expect(remove(client, "organizations", organizationId)).rejects.toMatchObject(REFUSED);
    });
  });

  it("without clinics takes what it was made of, and leaves its people and its trail", async () => {
    const person = await createPerson(db.superuser);
    const organizationId = await createOrganization(db.superuser);
    await db.inTransaction(async (client) => {
      for (const insert of OF_ORGANIZATION) {
        await client.query(`insert into app_public.${insert}`, [organizationId, person.userId]);
      }
      await client.query(KEPT_ANSWER, [person.userId, organizationId]);
      await client.query(KEPT_ORIGINAL, [organizationId]);
      await client.query(
        "insert into app_private.job_effects (organization_id, effect_key) values ($1, 'gone')",
        [organizationId],
      );
      // Aggregations follow from the figures of clinics.
      const tables = (await cascadesFrom(client, "app_public.organizations")).filter(
        (table) => table !== "app_public.metric_aggregations",
      );
      expect(await countBy(client, tables, "organization_id", organizationId)).toEqual(each(tables, 1));
      const known = await eventCount(client, "organization_id = $1", organizationId);

      await remove(client, "organizations", organizationId);
      expect(await countBy(client, tables, "organization_id", organizationId)).toEqual(each(tables, 0));
      expect(await countBy(client, ["app_public.users"], "id", person.userId)).toEqual({
        "app_public.users": 1,
      });
      const gone = audited([...tables, "app_public.organizations"]);
      expect(await deletionsOnRecord(client)).toEqual(gone);
      expect(await eventCount(client, "organization_id = $1", organizationId)).toBe(known + gone.length);
    });
  });
});
