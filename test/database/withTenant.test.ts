import { beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { withTenant } from "../../src/database/withTenant.ts";
import { type Request, useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
let world: World;
let pool: pg.Pool;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  pool = new pg.Pool({ connectionString: db.urls.gateway, max: 2 });
});

db.beforeDrop(() => pool.end());

const READ = `
  select current_setting('app.current_user_id', true) as "userId",
    current_setting('app.current_org_id', true) as "organizationId",
    current_setting('app.is_superadmin', true) as "isSuperadmin",
    current_user::text as role`;

const settingsOf = (userId: string) =>
  withTenant(pool, { organizationId: world.own, userId }, async (client) => {
    const { rows } = await client.query(READ);
    return rows[0];
  });

describe("withTenant", () => {
  it("runs as app_user with the person, the organization and whether they are a superadmin", async () => {
    const { staff } = world.here;
    const tenant = { organizationId: world.own, role: "app_user" };
    expect(await settingsOf(staff.userId)).toEqual({
      ...tenant,
      userId: staff.userId,
      isSuperadmin: "false",
    });
    expect(await settingsOf(world.superadmin.userId)).toEqual({
      ...tenant,
      userId: world.superadmin.userId,
      isSuperadmin: "true",
    });
    expect((await settingsOf(staff.userId)).isSuperadmin).toBe("false");
  });

  it("leaves nothing behind for whoever gets the connection next", async () => {
    await settingsOf(world.superadmin.userId);
    const { rows } = await pool.query(READ);
    expect(
      [rows[0].userId, rows[0].organizationId, rows[0].isSuperadmin].map((value) => value || ""),
    ).toEqual(["", "", ""]);
  });

  it("shows the organization's rows only, and rolls back when the work fails", async () => {
    const { staff } = world.here;
    const work = withTenant(pool, { organizationId: world.own, userId: staff.userId }, async (client) => {
      const { rowCount } = await client.query("update app_public.patients set city = 'Moved'");
      expect(rowCount).toBe(1);
      throw new Error("and no further");
    });
    await expect(work).rejects.toThrow("and no further");
    const moved = await db.superuser.query("select from app_public.patients where city = 'Moved'");
    expect(moved.rowCount).toBe(0);
  });
});

describe("the settings of a request", () => {
  const policies = (request: Request) =>
    request.rows(
      `${READ}, app_hidden.current_organization_id()::text as "ownOrganizationId", auth.uid()::text as "ownUserId"`,
    );

  it("say the same under both names", () =>
    db.asUser(
      world.here.staff,
      async (request) => {
        const { userId } = world.here.staff;
        expect(await policies(request)).toEqual([
          {
            userId,
            ownUserId: userId,
            organizationId: world.own,
            ownOrganizationId: world.own,
            isSuperadmin: null,
            role: "app_user",
          },
        ]);
      },
      { organizationId: world.own },
    ));

  it.each(["app.is_superadmin", "app.current_user_id", "app.current_org_id", "jwt.claims.sub"])(
    "cannot be changed from within: %s",
    (name) =>
      db.asUser(world.here.staff, (request) =>
        expect(
          request.attempt("select pg_catalog.set_config($1, $2, true)", [name, world.superadmin.userId]),
        ).rejects.toMatchObject({ code: "42501" }),
      ),
  );

  it("gain nothing from the function that says who is a superadmin", () =>
    db.asUser(world.here.staff, async (request) => {
      await request.attempt("select app_hidden.set_superadmin_setting()");
      expect(await request.value("select current_setting('app.is_superadmin', true)")).toBe("false");
    }));
});
