import { beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import { fillVault } from "../../../src/access/world/vaultRows.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

const TABLES = [
  "device_key_challenges",
  "device_keys",
  "encrypted_cycle_data",
  "encrypted_user_prefs",
  "healthcare_share_records",
  "healthcare_shares",
  "share_accesses",
  "share_tokens",
  "spent_nonces",
  "wrapped_keys",
];

/** The portal patient of the clinic fills every table of the vault, and shares with the clinic. */
beforeAll(async () => {
  world = await createWorld(db.superuser);
  await fillVault(db, world.portal, world.here.clinic.id);
});

/** How many rows a statement meets; a refusal for lack of privilege counts as none. */
const met = (request: Request, sql: string) =>
  request.attempt(sql).catch((error: { code?: string }) => {
    expect(error.code).toBe("42501");
    return 0;
  });

const READ = (table: string) => `select user_id from app_vault.${table}`;

it("has every table of the schema in this test, each with rows", async () => {
  const { rows } = await db.superuser.query(
    "select relname from pg_class where relnamespace = 'app_vault'::regnamespace and relkind in ('r', 'p') order by 1",
  );
  expect(rows.map(({ relname }) => relname)).toEqual(TABLES);
  for (const table of TABLES) {
    expect((await db.superuser.query(READ(table))).rowCount).toBeGreaterThan(0);
  }
});

it("shows the owner their own rows, except nonces, which nobody reads", () =>
  db.asUser(world.portal, async (request) => {
    for (const table of TABLES) {
      expect([table, (await met(request, READ(table))) > 0]).toEqual([table, table !== "spent_nonces"]);
    }
  }));

describe("nobody else meets a row of the vault", () => {
  const changes = TABLES.flatMap((table) => [
    READ(table),
    `select count(*) from app_vault.${table} having count(*) > 0`,
    `update app_vault.${table} set user_id = user_id`,
    `delete from app_vault.${table}`,
  ]);
  const attemptAll = async (request: Request) => {
    for (const sql of changes) {
      expect([sql, await met(request, sql)]).toEqual([sql, 0]);
    }
    for (const table of TABLES) {
      await expect(request.attempt(`truncate app_vault.${table} cascade`)).rejects.toMatchObject({
        code: "42501",
      });
    }
  };

  it.each(["clinicAdmin", "provider", "staff", "viewer"] as const)(
    "as a %s of the clinic it is shared with",
    (kind) => db.asUser(world.here[kind], attemptAll),
  );
  it.each(["owner", "admin", "stranger", "superadmin"] as const)("as %s", (kind) =>
    db.asUser(world[kind], attemptAll, { purposeOfUse: "emergency" }),
  );
  it("as anonymous", () => db.asAnonymous(attemptAll));
  it("as the worker", () => db.asWorker(world.own, attemptAll));
  it("as an import", () => db.asData([world.own, world.foreign], attemptAll));

  it.each(["app_definer", "app_share_reader", "app_owner", "app_authenticator", "app_migrator"])(
    "as the role %s, in the name of the owner of the rows or not",
    (role) =>
      db.inTransaction(async (client) => {
        for (const sub of ["", world.portal.userId]) {
          await client.query("select set_config('jwt.claims.sub', $1, true)", [sub]);
          await client.query(`set local role ${role}`);
          for (const table of TABLES) {
            await client.query("savepoint attempt");
            const count = await client.query(READ(table)).then(
              ({ rowCount }) => rowCount,
              (error: { code?: string }) => {
                expect(error.code).toBe("42501");
                return 0;
              },
            );
            await client.query("rollback to savepoint attempt");
            expect([table, count]).toEqual([table, 0]);
          }
          await client.query("reset role");
        }
      }),
  );

  it("even if somebody gives a role a permissive policy and a grant", () =>
    db.inTransaction(async (client) => {
      await client.query("set local role app_owner");
      for (const role of ["app_worker", "app_definer", "app_data", "app_user"]) {
        await client.query(
          `create policy stray_${role} on app_vault.encrypted_cycle_data to ${role} using (true) with check (true)`,
        );
        await client.query(`grant usage on schema app_vault to ${role}`);
        await client.query(`grant select on app_vault.encrypted_cycle_data to ${role}`);
      }
      for (const role of ["app_worker", "app_definer", "app_data", "app_user"]) {
        await client.query("reset role");
        await client.query("select set_config('jwt.claims.sub', $1, true)", [world.superadmin.userId]);
        await client.query(`set local role ${role}`);
        expect((await client.query(READ("encrypted_cycle_data"))).rowCount).toBe(0);
      }
    }));
});

it("gives the backup ciphertext only, and no right to change it", async () => {
  const client = new pg.Client({ connectionString: db.urls.backup });
  await client.connect();
  try {
    const { rows } = await client.query<{ ciphertext: Buffer }>(
      "select ciphertext from app_vault.encrypted_cycle_data",
    );
    expect(rows).not.toEqual([]);
    expect(rows.filter(({ ciphertext }) => ciphertext.includes("day 1"))).toEqual([]);
    await expect(client.query("delete from app_vault.encrypted_cycle_data")).rejects.toMatchObject({
      code: "42501",
    });
  } finally {
    await client.end();
  }
});

describe("anonymous", () => {
  it("has no privilege on any table, and may execute two functions of the schema", async () => {
    const { rows } = await db.superuser.query(
      `select p.proname from pg_proc p
       where p.pronamespace = 'app_vault'::regnamespace and has_function_privilege('app_anonymous', p.oid, 'execute')
       order by 1`,
    );
    expect(rows.map(({ proname }) => proname)).toEqual(["redeem_share", "validate_share_token"]);
    const { rows: tables } = await db.superuser.query(
      `select c.relname from pg_class c where c.relnamespace = 'app_vault'::regnamespace
       and has_any_column_privilege('app_anonymous', c.oid, 'select, insert, update, references')`,
    );
    expect(tables).toEqual([]);
  });
});

describe("the audit", () => {
  it("shows people their own changes by the names of fields, and nobody else's", async () => {
    const own = await db.asUser(world.portal, (request) =>
      request.rows("select distinct resource_type from app_vault.security_audit_log order by 1"),
    );
    expect(own.map(({ resource_type: type }) => type)).toContain("encrypted_cycle_data");
    for (const person of [world.superadmin, world.here.clinicAdmin, world.stranger]) {
      await db.asUser(person, async (request) => {
        expect(await request.rows("select * from app_vault.security_audit_log")).toEqual([]);
        expect(await request.rows("select * from app_vault.healthcare_access_audit()")).toEqual([]);
      });
    }
  });

  it("shows the owner of a share who opened it, and how", () =>
    db.asUser(world.portal, async (request) => {
      const rows = await request.rows(
        "select action, token_id is not null as by_link from app_vault.healthcare_access_audit()",
      );
      expect(rows).toEqual(
        expect.arrayContaining([
          { action: "opened", by_link: true },
          { action: "created", by_link: false },
          { action: "link_created", by_link: true },
        ]),
      );
    }));
});
