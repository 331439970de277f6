import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import {
  createPatient,
  createPerson,
  joinClinic,
  joinOrganization,
} from "../../../src/access/world/people.ts";
import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { type Actor, type Request, type Scope, useTestDatabase } from "../../support/database.ts";
import { type IdFunction, readIdFunctions } from "./idFunctions.ts";

/**
 * What holds for every function that answers policies with ids (my_organization_ids, my_clinic_ids, clinic_ids_with_role,
 * organization_ids_with_role, administered_clinic_ids, administered_organization_ids, metric_clinic_ids,
 * metric_organization_ids, measured_clinic_ids, readable_clinic_ids, …): found in the catalogue, so that a new one is held
 * to it as well.
 */
const db = useTestDatabase();
/** The one function that says who somebody is, not where they work. */
const AS_PATIENT = "my_patient_ids";
const SUPPORT = { purposeOfUse: "support" };
type Standing = "provider" | "clinicAdmin" | "owner" | "portal" | "superadmin" | "breakGlass";
type Ids = Record<string, string[]>;

let world: FullWorld;
let functions: IdFunction[];
/** Each of them has the same standing in both organizations, the provider and the administrator in two clinics of one. */
const people = {} as Record<Standing, Actor>;
/** Of what a helper can answer: the organization. */
const organizationOf = new Map<string, string>();

beforeAll(async () => {
  world = await createFullWorld(db);
  const { own, foreign, here, there, abroad, superadmin, breakGlass } = world;
  const { superuser } = db;
  await superuser.query("update app_public.subscriptions set plan = 'starter'");
  const [provider, clinicAdmin, owner, portal] = [
    await createPerson(superuser),
    await createPerson(superuser),
    await createPerson(superuser),
    await createPerson(superuser),
  ];
  for (const { clinic } of [here, there, abroad]) {
    await joinClinic(superuser, provider, clinic, "provider");
    await joinClinic(superuser, clinicAdmin, clinic, "clinic_admin");
  }
  for (const organizationId of [own, foreign]) {
    await joinOrganization(superuser, owner, organizationId, "owner");
  }
  await superuser.query(
    "update app_public.organization_memberships set is_privacy_officer = true where user_id = $1",
    [clinicAdmin.userId],
  );
  for (const { clinic } of [here, abroad]) {
    await createPatient(superuser, clinic, { portalUserId: portal.userId });
  }
  Object.assign(people, { provider, clinicAdmin, owner, portal, superadmin, breakGlass });
  functions = await readIdFunctions(superuser);
  const places = await superuser.query<{ id: string; organization_id: string }>(
    `select id, id as organization_id from app_public.organizations
     union all select id, organization_id from app_public.clinics
     union all select id, organization_id from app_public.patients
     union all select id, organization_id from app_public.care_sessions
     union all select id, organization_id from app_public.reports`,
  );
  places.rows.forEach((row) => organizationOf.set(row.id, row.organization_id));
});

/** What every helper answers somebody. */
function idsFor(
  actor: Actor,
  scope: Scope = {},
  arrange: (client: ClientBase) => Promise<unknown> = () => Promise.resolve(),
): Promise<Ids> {
  return db.inTransaction(async (client) => {
    await arrange(client);
    // Some are for other functions only; what they answer holds all the same.
    await client.query("grant execute on all functions in schema app_hidden to app_user");
    await applySettings(client, requestSettings(actor, { ...SUPPORT, ...scope }));
    const ids: Ids = {};
    for (const { name, call } of functions) {
      const { rows } = await client.query<{ id: string }>(`select id from ${call} as id order by id`);
      ids[name] = rows.map(({ id }) => id);
    }
    return ids;
  });
}

const keep = (ids: Ids, test: (id: string, name: string) => boolean): Ids =>
  Object.fromEntries(Object.entries(ids).map(([name, all]) => [name, all.filter((id) => test(id, name))]));

const change =
  (sql: string, ...values: unknown[]) =>
  (client: ClientBase) =>
    client.query(sql, values);

const isOfClinics = (name: string) => name.includes("clinic_ids");
const EVERYBODY = ["provider", "clinicAdmin", "owner", "portal", "superadmin", "breakGlass"] as const;
const MEMBERS = ["provider", "clinicAdmin", "owner"] as const;

describe("every function that answers with ids", () => {
  it("answers somebody of these with something, so that less would be noticed", async () => {
    expect(functions.length).toBeGreaterThan(12);
    const answers = await Promise.all(EVERYBODY.map((who) => idsFor(people[who])));
    const silent = functions.filter(({ name }) => answers.every((ids) => ids[name]?.length === 0));
    expect(silent).toEqual([]);
  });

  it.each(EVERYBODY)("narrows to the organization that a request names: %s", async (who) => {
    const all = await idsFor(people[who]);
    for (const organizationId of [world.own, world.foreign]) {
      const expected = keep(all, (id) => organizationOf.get(id) === organizationId);
      // Who one is, one stays; the tables narrow it (below).
      expected[AS_PATIENT] = all[AS_PATIENT] ?? [];
      expect(await idsFor(people[who], { organizationId })).toEqual(expected);
    }
  });

  it("leaves it to the tables to narrow what somebody has as a patient, and each of them does", async () => {
    const { rows: tables } = await db.superuser.query<{ name: string }>(
      `select distinct polrelid::regclass::text as name from pg_catalog.pg_policy
       where pg_get_expr(polqual, polrelid) like $1`,
      [`%${AS_PATIENT}(%`],
    );
    expect(tables.length).toBeGreaterThan(3);
    for (const organizationId of [world.own, world.foreign]) {
      const elsewhere = (request: Request, name: string) =>
        request.attempt(`select from ${name} where organization_id <> $1`, [organizationId]);
      const isNarrowed = async (request: Request) => {
        for (const { name } of tables) {
          expect([name, await elsewhere(request, name)]).toEqual([name, 0]);
        }
      };
      await db.asUser(people.portal, isNarrowed, { organizationId });
      await db.asUser(people.portal, async (request) =>
        expect(await elsewhere(request, "app_public.patients")).toBe(1),
      );
    }
  });

  it.each(EVERYBODY)("narrows to the clinic that a request names: %s", async (who) => {
    const all = await idsFor(people[who]);
    for (const { clinic } of [world.here, world.there, world.abroad]) {
      const ids = await idsFor(people[who], { clinicId: clinic.id });
      const clinicIds = keep(ids, (_id, name) => isOfClinics(name));
      expect(clinicIds).toEqual(keep(all, (id, name) => isOfClinics(name) && id === clinic.id));
      // Nobody gets more by naming one.
      expect(ids).toEqual(keep(ids, (id, name) => all[name]?.includes(id) ?? false));
      expect([ids.metric_organization_ids, ids.administered_organization_ids]).toEqual([[], []]);
    }
  });

  it.each(MEMBERS)("gives nothing by a membership of the organization that has ended: %s", async (who) => {
    const all = await idsFor(people[who]);
    for (const organizationId of [world.own, world.foreign]) {
      const left = await idsFor(
        people[who],
        {},
        change(
          "update app_public.organization_memberships set active = false where user_id = $1 and organization_id = $2",
          people[who].userId,
          organizationId,
        ),
      );
      expect(left).toEqual(keep(all, (id) => organizationOf.get(id) !== organizationId));
    }
  });

  it.each(["provider", "clinicAdmin"] as const)(
    "gives no clinic by an ended membership of it: %s",
    async (who) => {
      const all = await idsFor(people[who]);
      const left = await idsFor(
        people[who],
        {},
        change(
          "update app_public.clinic_memberships set active = false where user_id = $1 and clinic_id = $2",
          people[who].userId,
          world.here.clinic.id,
        ),
      );
      expect(keep(left, (_id, name) => isOfClinics(name))).toEqual(
        keep(all, (id, name) => isOfClinics(name) && id !== world.here.clinic.id),
      );
    },
  );

  it.each(["provider", "clinicAdmin"] as const)(
    "gives no clinic that is closed to who works in it: %s",
    async (who) => {
      const all = await idsFor(people[who]);
      const close = change(
        "update app_public.clinics set active = false where id = $1",
        world.here.clinic.id,
      );
      const left = await idsFor(people[who], {}, close);
      expect(keep(left, (_id, name) => isOfClinics(name))).toEqual(
        keep(all, (id, name) => isOfClinics(name) && id !== world.here.clinic.id),
      );
    },
  );

  it.each([false, true])("gives a patient nothing by a deleted record (a member: %s)", async (isMember) => {
    const arrange = (isDeleted: boolean) => async (client: ClientBase) => {
      const ids = [people.portal.userId, world.own];
      if (isMember) {
        await joinOrganization(client, people.portal, world.own);
      }
      const set = "update app_public.patients set deleted_at = now() where $3";
      await client.query(`${set} and portal_user_id = $1 and organization_id = $2`, [...ids, isDeleted]);
    };
    const all = await idsFor(people.portal, {}, arrange(false));
    expect(await idsFor(people.portal, {}, arrange(true))).toEqual(
      keep(all, (id) => organizationOf.get(id) === world.foreign || (isMember && id === world.own)),
    );
  });

  it("gives a superadmin nothing clinical without a purpose", async () => {
    const ids = await idsFor(people.superadmin, { purposeOfUse: "" });
    expect(ids.readable_clinic_ids).toEqual([]);
    expect(ids.my_clinic_ids?.length).toBeGreaterThan(0);
  });

  it("gives nobody more while seats are counted, over everybody's memberships", async () => {
    const count = change("select set_config('app.seat_scope', $1, true)", world.own);
    for (const actor of [people.provider, world.stranger]) {
      expect(await idsFor(actor, {}, count)).toEqual(await idsFor(actor));
    }
  });

  it("gives nothing to who has no standing anywhere", async () => {
    const ids = await idsFor(world.stranger);
    expect(ids).toEqual(keep(ids, () => false));
  });
});
