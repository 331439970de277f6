import { beforeAll, describe, expect, it } from "@jest/globals";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import { createAdministrator, joinOrganization, type Person } from "../../../src/access/world/people.ts";
import { requestSettings, type Scope } from "../../../src/access/world/rolledBack.ts";
import { useTestDatabase } from "../../support/database.ts";
import { outcomes, ROW_SECURITY, type Statement } from "./outcomes.ts";

/** What policies themselves refuse to people, whatever columns somebody may let them write one day, and without triggers. */
const db = useTestDatabase();
let world: FullWorld;
/** Runs one organization, and is nothing but a member of the other. */
let adminHere: Person;

beforeAll(async () => {
  world = await createFullWorld(db);
  adminHere = await createAdministrator(db.superuser, world.own, "admin");
  await joinOrganization(db.superuser, adminHere, world.foreign);
});

const outcomesAs = (
  person: Person,
  table: string,
  statements: Statement[],
  { scope, before = [] }: { scope?: Scope; before?: Statement[] } = {},
) => outcomes(db, { settings: requestSettings(person, scope), table, before }, statements);

describe("an invitation", () => {
  const TABLE = "app_public.invitations";
  const INSERT = `insert into ${TABLE} (organization_id, email, organization_role, code_hash, expires_at)
    values ($1, $2, $3, sha256('checks'), now() + interval '1 day')`;
  const emailOf = async ({ userId }: Person) => {
    const { rows } = await db.superuser.query<{ email: string }>(
      "select email from app_public.users where id = $1",
      [userId],
    );
    return rows[0]?.email;
  };

  it("is made by an admin for others, and for no owner; by an owner for one, too", async () => {
    const statements = async (person: Person): Promise<Statement[]> => [
      [INSERT, world.own, "new@x.test", "member"],
      [INSERT, world.own, "new@x.test", "owner"],
      [INSERT, world.own, await emailOf(person), "member"],
      [INSERT, world.foreign, "new@x.test", "member"],
    ];
    expect(await outcomesAs(adminHere, TABLE, await statements(adminHere))).toEqual([
      1,
      ROW_SECURITY,
      ROW_SECURITY,
      ROW_SECURITY,
    ]);
    expect(await outcomesAs(world.owner, TABLE, await statements(world.owner))).toEqual([
      1,
      1,
      ROW_SECURITY,
      ROW_SECURITY,
    ]);
  });

  it("is revoked while it is open, where it is, and nothing else", async () => {
    const only = `where organization_id = $1 and email = 'open@x.test'`;
    const make: Statement = [INSERT, world.own, "open@x.test", "member"];
    const revoke: Statement = [`update ${TABLE} set revoked_at = now() ${only}`, world.own];
    const end = (column: string): Statement => [`update ${TABLE} set ${column} = now() ${only}`, world.own];
    expect(
      await outcomesAs(
        adminHere,
        TABLE,
        [
          revoke,
          // Without a condition, which would bring the policies of select in.
          [`update ${TABLE} set revoked_at = null`],
          [`update ${TABLE} set revoked_at = now(), organization_id = $1`, world.foreign],
        ],
        { before: [make] },
      ),
    ).toEqual([1, ROW_SECURITY, ROW_SECURITY]);
    for (const column of ["revoked_at", "accepted_at"]) {
      expect(await outcomesAs(adminHere, TABLE, [revoke], { before: [make, end(column)] })).toEqual([0]);
    }
  });
});

describe("a membership of an organization", () => {
  const TABLE = "app_public.organization_memberships";
  const ofMember = `where organization_id = $1 and user_id = $2`;

  it("is given no owner's role by an admin, nor to the admin, nor to another organization", async () => {
    const member = [world.own, world.here.provider.userId];
    const statements: Statement[] = [
      [`update ${TABLE} set role = 'viewer' ${ofMember}`, ...member],
      // Without a condition, which would bring the policies of select in.
      [`update ${TABLE} set role = 'owner'`],
      [`update ${TABLE} set user_id = $1`, adminHere.userId],
      [`update ${TABLE} set organization_id = $1`, world.foreign],
    ];
    expect(await outcomesAs(adminHere, TABLE, statements)).toEqual([
      1,
      ROW_SECURITY,
      ROW_SECURITY,
      ROW_SECURITY,
    ]);
  });

  it("is given an owner's role by an owner, and not to themselves", async () => {
    const statements: Statement[] = [
      [`update ${TABLE} set role = 'owner' ${ofMember}`, world.own, world.here.provider.userId],
      [`update ${TABLE} set role = 'owner' ${ofMember}`, world.own, world.owner.userId],
    ];
    expect(await outcomesAs(world.owner, TABLE, statements)).toEqual([1, 0]);
  });
});

describe("a membership of a clinic", () => {
  it("is not made by an admin for themselves; by an owner it is", async () => {
    const table = "app_public.clinic_memberships";
    const join = (person: Person): Statement => [
      `insert into ${table} (organization_id, clinic_id, user_id, role, display_name)
       values ($1, $2, $3, 'provider', 'Name')`,
      world.own,
      world.here.clinic.id,
      person.userId,
    ];
    expect(await outcomesAs(adminHere, table, [join(adminHere)])).toEqual([ROW_SECURITY]);
    expect(await outcomesAs(world.owner, table, [join(world.owner)])).toEqual([1]);
  });
});

describe("the review of an emergency access", () => {
  const TABLE = "app_public.break_glass_grants";
  // Without a condition: one that reads a column brings the policies of select in, which refuse some of it, too.
  const REVIEW = `update ${TABLE} set reviewed_by = $1, reviewed_at = now()`;

  it("is another person's, about the same person and the same clinic, and done once", async () => {
    const { userId } = world.owner;
    const review: Statement = [REVIEW, userId];
    const statements: Statement[] = [
      review,
      [`${REVIEW}, user_id = $1`, userId],
      [`${REVIEW}, home_clinic_id = $2`, userId, world.abroad.clinic.id],
    ];
    const [done, ...refused] = await outcomesAs(world.owner, TABLE, statements);
    expect(done).toBeGreaterThan(0);
    expect(refused).toEqual([ROW_SECURITY, ROW_SECURITY]);
    for (const change of ["reviewed_at = now(), reviewed_by = $1", "user_id = $1"]) {
      const before: Statement[] = [[`update ${TABLE} set ${change}`, userId]];
      expect(await outcomesAs(world.owner, TABLE, [review], { before })).toEqual([0]);
    }
  });
});

describe("an export", () => {
  it("is cancelled by who asked for it, while they may export from its clinic", async () => {
    const table = "app_public.export_requests";
    const { provider, clinic } = world.here;
    const make: Statement = [
      `insert into ${table} (organization_id, clinic_id, kind, format, created_by, expires_at)
       values ($1, $2, 'appointments', 'csv', $3, now() + interval '1 hour')`,
      world.own,
      clinic.id,
      provider.userId,
    ];
    const become = (role: string): Statement => [
      "update app_public.clinic_memberships set role = $1 where user_id = $2",
      role,
      provider.userId,
    ];
    const cancel: Statement = [
      `update ${table} set status = 'cancelled' where created_by = $1 and expires_at < now() + interval '2 hours'`,
      provider.userId,
    ];
    expect(await outcomesAs(provider, table, [cancel], { before: [make] })).toEqual([1]);
    expect(await outcomesAs(provider, table, [cancel], { before: [make, become("staff")] })).toEqual([0]);
  });
});

describe("the clinics of an organization", () => {
  it("are all there for who runs it, and one where the request names one", async () => {
    const count = async (clinicId?: string) => {
      const scope = { organizationId: world.own, ...(clinicId !== undefined && { clinicId }) };
      const [rows] = await outcomesAs(
        world.owner,
        "app_public.clinics",
        [["select from app_public.clinics"]],
        {
          scope,
        },
      );
      return rows;
    };
    expect(await count()).toBeGreaterThan(1);
    expect(await count(world.here.clinic.id)).toBe(1);
  });
});

describe("a webhook endpoint", () => {
  it("is made where the organization has the feature", async () => {
    const table = "app_public.webhook_endpoints";
    const make: Statement = [
      `insert into ${table} (organization_id, url, event_kinds) values ($1, 'https://x.test', '{appointment_created}')`,
      world.own,
    ];
    const flag = (enabled: boolean): Statement => [
      `insert into app_public.organization_feature_flags (organization_id, flag_key, enabled)
       values ($1, 'integrations', $2) on conflict (organization_id, flag_key) do update set enabled = excluded.enabled`,
      world.own,
      enabled,
    ];
    expect(await outcomesAs(world.owner, table, [make], { before: [flag(true)] })).toEqual([1]);
    expect(await outcomesAs(world.owner, table, [make], { before: [flag(false)] })).toEqual([ROW_SECURITY]);
  });
});
