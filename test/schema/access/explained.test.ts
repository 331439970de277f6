import { beforeAll, describe, expect, it } from "@jest/globals";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import { createPatient, joinOrganization } from "../../../src/access/world/people.ts";
import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { type Actor, type Scope, useTestDatabase } from "../../support/database.ts";

/** What app_hidden.explain_access() looks at rows as: app_access_reader, for whoever asks. */
const db = useTestDatabase();
let world: FullWorld;
let tables: { name: string; tenant: string }[];
/** Owns one organization and administers the other. */
let ofBoth: Actor;

beforeAll(async () => {
  world = await createFullWorld(db);
  ofBoth = world.stranger;
  await joinOrganization(db.superuser, ofBoth, world.own, "owner");
  await joinOrganization(db.superuser, ofBoth, world.foreign, "admin");
  const { rows } = await db.superuser.query<{ name: string; tenant: string }>(
    `select c.oid::regclass::text as name, a.attname as tenant
     from pg_catalog.pg_class c
     join pg_catalog.pg_attribute a
       on a.attrelid = c.oid
       and a.attname = case c.relname when 'organizations' then 'id' else 'organization_id' end
     where c.relnamespace = 'app_public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     order by name`,
  );
  tables = rows;
});

type Count = Record<string, number>;

/** Of every table the rows that the reader sees for somebody. */
function seenFor(actor: Actor, scope?: Scope): Promise<Count> {
  return db.inTransaction(async (client) => {
    await applySettings(client, { ...requestSettings(actor, scope), role: "app_access_reader" });
    const counts: Count = {};
    for (const { name } of tables) {
      counts[name] = (await client.query(`select from ${name}`)).rowCount ?? 0;
    }
    return counts;
  });
}

/** Of every table the rows of some organizations. */
async function rowsOf(...organizationIds: string[]): Promise<Count> {
  const counts: Count = {};
  for (const { name, tenant } of tables) {
    const { rows } = await db.superuser.query<{ count: number }>(
      `select count(*)::int from ${name} where ${tenant} = any ($1)`,
      [organizationIds],
    );
    counts[name] = rows[0]?.count ?? 0;
  }
  return counts;
}

describe("what explain_access looks at (select_explained)", () => {
  it("is tested over rows of both organizations in every table of a tenant", async () => {
    expect(tables.length).toBeGreaterThan(25);
    for (const organizationId of [world.own, world.foreign]) {
      const counts = await rowsOf(organizationId);
      expect(Object.keys(counts).filter((name) => counts[name] === 0)).toEqual([]);
    }
  });

  it("is every row of the organization that the caller owns or administers, and no other", async () => {
    const own = await rowsOf(world.own);
    expect(await seenFor(world.owner)).toEqual(own);
    expect(await seenFor(world.admin)).toEqual(own);
  });

  it("is the rows of both for who runs both, and of the one that a request names", async () => {
    expect(await seenFor(ofBoth)).toEqual(await rowsOf(world.own, world.foreign));
    for (const organizationId of [world.own, world.foreign]) {
      expect(await seenFor(ofBoth, { organizationId })).toEqual(await rowsOf(organizationId));
    }
  });

  it("is nothing while a request names a clinic, or an organization that the caller does not run", async () => {
    const nothing = await rowsOf();
    expect(await seenFor(world.owner, { clinicId: world.here.clinic.id })).toEqual(nothing);
    expect(await seenFor(world.owner, { organizationId: world.foreign })).toEqual(nothing);
  });

  it.each(["clinicAdmin", "provider", "staff", "viewer"] as const)("is nothing for the %s", async (kind) => {
    expect(await seenFor(world.here[kind])).toEqual(await rowsOf());
  });

  it.each(["portal", "superadmin", "breakGlass"] as const)("is nothing for the %s", async (kind) => {
    expect(await seenFor(world[kind], { purposeOfUse: "support" })).toEqual(await rowsOf());
  });
});

describe("explain_access", () => {
  const ask = (asker: Actor, personId: string, table: string, id: string) =>
    db.asUser(asker, (request) =>
      request.attempt("select app_hidden.explain_access($1, $2, $3, 'select')", [personId, table, id]),
    );

  it("can be asked about a member and any row of the organization", async () => {
    for (const { name } of tables) {
      const tenant = name.endsWith(".organizations") ? "id" : "organization_id";
      const { rows } = await db.superuser.query(`select id from ${name} where ${tenant} = $1 limit 1`, [
        world.own,
      ]);
      const table = name.replace("app_public.", "");
      expect([name, await ask(world.owner, world.here.provider.userId, table, rows[0].id)]).toEqual([
        name,
        1,
      ]);
    }
  });

  it.each<[string, () => [Actor, string, string]]>([
    [
      "a row of another organization",
      () => [world.owner, world.here.provider.userId, world.abroad.patient.id],
    ],
    ["somebody who is no member", () => [world.owner, world.superadmin.userId, world.here.patient.id]],
    ["a member of another one", () => [world.owner, world.abroad.provider.userId, world.here.patient.id]],
    ["a patient", () => [world.owner, world.portal.userId, world.here.patient.id]],
    ["a member, by a provider", () => [world.here.provider, world.here.staff.userId, world.here.patient.id]],
  ])("denies %s", async (_what, values) => {
    const [asker, personId, patientId] = values();
    await expect(ask(asker, personId, "patients", patientId)).rejects.toMatchObject({ code: "NTFND" });
  });

  it("says whether it is the record or the member that it does not know", async () => {
    const [personId, foreignPerson] = [world.here.provider.userId, world.abroad.provider.userId];
    await expect(ask(world.owner, foreignPerson, "patients", world.abroad.patient.id)).rejects.toMatchObject({
      message: "There is no such record in an organization that you run.",
    });
    await expect(ask(world.owner, foreignPerson, "patients", world.here.patient.id)).rejects.toMatchObject({
      message: "There is no member of the organization whose access could be shown.",
    });
    expect(await ask(world.owner, personId, "patients", world.here.patient.id)).toBe(1);
  });

  it("goes by the organization of the row for who runs two", async () => {
    const { here, abroad } = world;
    await expect(ask(ofBoth, abroad.staff.userId, "patients", here.patient.id)).rejects.toMatchObject({
      code: "NTFND",
    });
    expect(await ask(ofBoth, abroad.staff.userId, "patients", abroad.patient.id)).toBe(1);
    await createPatient(db.superuser, abroad.clinic, { portalUserId: here.staff.userId });
    expect(await ask(ofBoth, here.staff.userId, "patients", here.patient.id)).toBe(1);
    await joinOrganization(db.superuser, here.staff, world.foreign);
    await expect(ask(ofBoth, here.staff.userId, "patients", abroad.patient.id)).rejects.toMatchObject({
      code: "NTFND",
    });
  });

  it("denies a member who is a patient of the organization as well", async () => {
    await joinOrganization(db.superuser, world.portal, world.own);
    await expect(
      ask(world.owner, world.portal.userId, "patients", world.here.patient.id),
    ).rejects.toMatchObject({ code: "NTFND" });
  });
});
