import { beforeAll, describe, expect, it } from "@jest/globals";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import { useTestDatabase } from "../../support/database.ts";
import { outcomes, ROW_SECURITY, type Statement } from "./outcomes.ts";

/**
 * What the checks of policies refuse to functions that act as app_definer, and to imports, whatever columns somebody may let
 * them write one day: every column is granted here, and triggers do nothing.
 */
const db = useTestDatabase();
let world: FullWorld;

beforeAll(async () => {
  world = await createFullWorld(db);
});

describe("app_definer", () => {
  const DEFINER = { role: "app_definer" };

  it.each([
    ["app_audit.column_sensitivities", "(table_name, plain, phi) values ($1, '{}', '{}')", "app_x.y", "x.y"],
    ["app_private.job_effects", "(effect_key) values ($1)", "x", ""],
    ["app_private.maintenance_reports", "(findings) values ($1::jsonb)", "[]", "{}"],
    ["app_private.worker_heartbeats", "(worker_id) values ($1)", "w-1", ""],
    [
      "app_public.job_dead_letters",
      "(task, payload, error_code, attempts, job_id) values ('x', '{}', 'x', $1::int, 900)",
      0,
      -1,
    ],
    [
      "app_public.trigger_failures",
      "(trigger_name, table_name, error_code, resolved_at) values ('x', 'x', 'x', $1::timestamptz)",
      null,
      "2020-01-01",
    ],
    ["app_public.users", "(email, is_superadmin) values ('x@x.test', $1::boolean)", false, true],
  ])("may insert into %s %s with %j, and not with %j", async (table, row, allowed, refused) => {
    const sql = `insert into ${table} ${row}`;
    expect(await outcomes(db, { settings: DEFINER, table }, [[sql, allowed]])).toEqual([1]);
    expect(await outcomes(db, { settings: DEFINER, table }, [[sql, refused]])).toEqual([ROW_SECURITY]);
  });

  it("keeps a key of 32 bytes for an organization, and no other", async () => {
    const organizationId = await db.superuser
      .query<{ id: string }>(
        "insert into app_public.organizations (name, slug) values ('Keys', 'keys') returning id",
      )
      .then(({ rows }) => rows[0]?.id);
    await db.superuser.query("delete from app_audit.hash_keys where organization_id = $1", [organizationId]);
    const sql = "insert into app_audit.hash_keys (organization_id, key) values ($1, $2)";
    const ends = await outcomes(db, { settings: DEFINER, table: "app_audit.hash_keys" }, [
      [sql, organizationId, Buffer.alloc(32)],
      [sql, organizationId, Buffer.alloc(31)],
    ]);
    expect(ends).toEqual([1, ROW_SECURITY]);
  });

  it("records the consent of somebody, and not of nobody", async () => {
    const sql = "insert into app_public.consents (user_id, kind, granted) values ($1, 'marketing', true)";
    const ends = await outcomes(db, { settings: DEFINER, table: "app_public.consents" }, [
      [sql, world.here.provider.userId],
      [sql, null],
    ]);
    expect(ends).toEqual([1, ROW_SECURITY]);
  });

  it("founds an organization for who asks, and for nobody else", async () => {
    const { userId } = world.here.provider;
    const sql = "insert into app_public.organizations (name, slug, created_by) values ('New', 'new', $1)";
    const ends = await outcomes(
      db,
      { settings: { ...DEFINER, "jwt.claims.sub": userId }, table: "app_public.organizations" },
      [
        [sql, userId],
        [sql, world.here.staff.userId],
        [sql, null],
      ],
    );
    expect(ends).toEqual([1, ROW_SECURITY, ROW_SECURITY]);
  });

  it("starts a subscription on the free plan, with its seats, and with nobody who pays", async () => {
    await db.superuser.query("delete from app_public.subscriptions where organization_id = $1", [world.own]);
    const sql = `insert into app_public.subscriptions (organization_id, plan, seats, stripe_customer_id)
      values ($1, $2, $3, $4)`;
    const ends = await outcomes(db, { settings: DEFINER, table: "app_public.subscriptions" }, [
      [sql, world.own, "free", 25, null],
      [sql, world.own, "pro", 25, null],
      [sql, world.own, "free", 26, null],
      [sql, world.own, "free", 25, "cus_x"],
    ]);
    expect(ends).toEqual([1, ROW_SECURITY, ROW_SECURITY, ROW_SECURITY]);
  });

  it("has an invitation accepted by who asks, or by nobody", async () => {
    const { userId } = world.here.provider;
    const sql = `update app_public.invitations set accepted_by = $2, accepted_at = $3
      where id = (select i.id from app_public.invitations i where i.organization_id = $1 limit 1)`;
    const now = new Date();
    const ends = await outcomes(
      db,
      { settings: { ...DEFINER, "jwt.claims.sub": userId }, table: "app_public.invitations" },
      [
        [sql, world.own, userId, now],
        [sql, world.own, null, null],
        [sql, world.own, null, now],
        [sql, world.own, world.here.staff.userId, null],
        [sql, world.own, world.here.staff.userId, now],
      ],
    );
    expect(ends).toEqual([1, 1, ROW_SECURITY, ROW_SECURITY, ROW_SECURITY]);
  });
});

describe("an import", () => {
  const sql = "insert into app_public.users (email, is_superadmin) values ('x@x.test', $1)";

  it("brings people of the organizations that it declares, and no superadmin", async () => {
    const settings = { role: "app_data", "app.data_scope": world.own };
    expect(
      await outcomes(db, { settings, table: "app_public.users" }, [
        [sql, false],
        [sql, true],
      ]),
    ).toEqual([1, ROW_SECURITY]);
  });

  it("would leave how long events are kept with the organization", async () => {
    const table = "app_audit.retention_policies";
    const settings = { role: "app_data", "app.data_scope": world.own };
    const make = `insert into ${table} (organization_id, jurisdiction) values ($1, 'x')`;
    const before: Statement[] = [[make, world.own]];
    const give = `update ${table} set organization_id = $1`;
    expect(
      await outcomes(db, { settings, table, before }, [
        [give, world.own],
        [give, world.foreign],
      ]),
    ).toEqual([1, ROW_SECURITY]);
  });

  it("brings nobody where it declares none", async () => {
    expect(
      await outcomes(db, { settings: { role: "app_data" }, table: "app_public.users" }, [[sql, false]]),
    ).toEqual([ROW_SECURITY]);
  });
});

describe("the worker", () => {
  it("changes a sync that runs, in the organization of its job, and leaves it there", async () => {
    const table = "app_public.integration_sync_runs";
    const settings = { role: "app_worker", "app.organization_id": world.own };
    const { rows } = await db.superuser.query<{ count: number }>(
      `select count(*)::int from ${table} where organization_id = $1`,
      [world.own],
    );
    // Without a condition, which would bring the policies of select in.
    const ends = await outcomes(
      db,
      { settings, table, before: [[`update ${table} set status = 'running', finished_at = null`]] },
      [
        [`update ${table} set created_at = now()`],
        [`update ${table} set organization_id = $1`, world.foreign],
      ],
    );
    expect(ends).toEqual([rows[0]?.count, ROW_SECURITY]);
    expect(rows[0]?.count).toBeGreaterThan(0);
  });
});

describe("app_share_reader", () => {
  it.each<[string, number, Statement[]]>([
    ["counts a use of the token that it is shown", 1, []],
    ["reaches none that is revoked", 0, [["update app_vault.share_tokens set revoked_at = now()"]]],
    ["reaches none that has expired", 0, [["update app_vault.share_tokens set expires_at = now()"]]],
  ])("%s", async (_what, reached, before) => {
    const table = "app_vault.share_tokens";
    const { rows } = await db.superuser.query<{ hash: string }>(
      `select encode(token_hash, 'hex') as hash from ${table} limit 1`,
    );
    const settings = { role: "app_share_reader", "app.share_token_hash": rows[0]?.hash ?? "" };
    // Without a condition, which would bring the policies of select in.
    expect(await outcomes(db, { settings, table, before }, [[`update ${table} set uses = uses`]])).toEqual([
      reached,
    ]);
  });
});
