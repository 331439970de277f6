import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import type { Person } from "../../../src/access/world/people.ts";
import { applySettings, requestSettings, type Scope } from "../../../src/access/world/rolledBack.ts";
import { useTestDatabase } from "../../support/database.ts";

/**
 * Restrictive policies stand for the day on which somebody adds a permissive one, or a grant, too many. So both are added
 * here, as wide as they get, and what is left is what the boundary leaves.
 */
const db = useTestDatabase();
let world: FullWorld;

beforeAll(async () => {
  world = await createFullWorld(db);
});

interface Boundary {
  name: string;
  tenant: string;
  roles: string[];
}

/** Tables with a policy of this name, whose tenant is in a column. */
async function tablesWith(policy: string, tenant: string): Promise<Boundary[]> {
  const { rows } = await db.superuser.query<Boundary>(
    `select p.polrelid::regclass::text as name, a.attname as tenant,
       array(select r.rolname::text from pg_catalog.pg_roles r where r.oid = any (p.polroles)) as roles
     from pg_catalog.pg_policy p
     join pg_catalog.pg_class c on c.oid = p.polrelid
     join pg_catalog.pg_attribute a on a.attrelid = c.oid
       and a.attname = case c.relname when 'organizations' then 'id' else $2 end
     where p.polname = $1 and not p.polpermissive
     order by name`,
    [policy, tenant],
  );
  return rows;
}

/** Gives the role all that grants and permissive policies can give, and leaves no boundary but one. */
async function openTo(client: ClientBase, role: string, name: string, boundary: string): Promise<void> {
  const schema = name.split(".", 1)[0];
  await client.query(`grant usage on schema ${schema}, app_hidden, auth to ${role}`);
  await client.query(`grant all on ${name} to ${role}`);
  await client.query("grant execute on all functions in schema app_hidden, auth to public");
  const { rows: others } = await client.query<{ name: string }>(
    `select quote_ident(polname) as name from pg_catalog.pg_policy
     where polrelid = $1::regclass and not polpermissive and polname <> $2`,
    [name, boundary],
  );
  for (const other of others) {
    await client.query(`drop policy ${other.name} on ${name}`);
  }
  await client.query(`create policy too_much on ${name} to ${role} using (true) with check (true)`);
  // What triggers do is not the question.
  await client.query(`alter table ${name} disable trigger user`);
}

/** SQLSTATE of an insert of a row that has nothing but its tenant; null if it is in. A policy comes before constraints. */
async function refusalOf(client: ClientBase, name: string, row: object): Promise<string | null> {
  await client.query("savepoint attempt");
  try {
    await client.query(`insert into ${name} ${await insertable(client, name)}`, [JSON.stringify(row)]);
    return null;
  } catch (error) {
    await client.query("rollback to savepoint attempt");
    return (error as { code: string }).code;
  }
}

async function insertable(client: ClientBase, name: string): Promise<string> {
  const { rows } = await client.query<{ columns: string }>(
    `select string_agg(quote_ident(attname), ', ') as columns from pg_catalog.pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' and attidentity = ''`,
    [name],
  );
  const columns = rows[0]?.columns ?? "";
  return `(${columns}) select ${columns} from jsonb_populate_record(null::${name}, $1)`;
}

/** Tables with rows outside of every organization, which their own policies give to whoever did it or to everybody. */
const WITH_ROWS_OF_NOBODY = new Set(["app_audit.events", "app_public.session_templates"]);
const ofSomebody = (name: string, tenant: string) =>
  WITH_ROWS_OF_NOBODY.has(name) ? `${tenant} is not null` : "true";

describe("the tenant's boundary (tenant_boundary)", () => {
  it("stands on every table of the API that has a tenant", async () => {
    const { rows } = await db.superuser.query<{ name: string }>(
      `select c.oid::regclass::text as name
       from pg_catalog.pg_class c
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and not a.attisdropped
         and a.attname = case c.relname when 'organizations' then 'id' else 'organization_id' end
       where c.relnamespace = 'app_public'::regnamespace and c.relkind in ('r', 'p')
       order by name`,
    );
    const bounded = await tablesWith("tenant_boundary", "organization_id");
    expect(bounded.map(({ name }) => name)).toEqual(expect.arrayContaining(rows.map(({ name }) => name)));
  });

  it("keeps every table to the organizations of who asks, and to the one that a request names", async () => {
    const tables = await tablesWith("tenant_boundary", "organization_id");
    expect(tables.length).toBeGreaterThan(25);
    for (const { name, tenant } of tables) {
      for (const [actor, organizationId] of [
        [world.here.provider, world.own],
        [world.abroad.provider, world.foreign],
      ] as const) {
        const other = organizationId === world.own ? world.foreign : world.own;
        await db.inTransaction(async (client) => {
          await openTo(client, "app_user", name, "tenant_boundary");
          const { rows: all } = await client.query<{ count: number }>(
            `select count(*)::int from ${name} where ${tenant} = $1`,
            [organizationId],
          );
          await applySettings(client, requestSettings(actor));
          const { rows } = await client.query<{ tenant: string }>(
            `select ${tenant} as tenant from ${name} where ${ofSomebody(name, tenant)}`,
          );
          expect([name, rows.map((row) => row.tenant)]).toEqual([
            name,
            Array.from({ length: all[0]?.count ?? 0 }, () => organizationId),
          ]);
          expect([name, await refusalOf(client, name, { [tenant]: organizationId })]).not.toEqual([
            name,
            "42501",
          ]);
          expect([name, await refusalOf(client, name, { [tenant]: other })]).toEqual([name, "42501"]);
        });
      }
    }
  });

  it("leaves nothing when a request names another organization", async () => {
    for (const { name, tenant } of await tablesWith("tenant_boundary", "organization_id")) {
      await db.inTransaction(async (client) => {
        await openTo(client, "app_user", name, "tenant_boundary");
        await applySettings(client, requestSettings(world.here.provider, { organizationId: world.foreign }));
        expect([
          name,
          (await client.query(`select from ${name} where ${ofSomebody(name, tenant)}`)).rowCount,
        ]).toEqual([name, 0]);
      });
    }
  });
});

describe("rows of no organization", () => {
  const asPerson = <T>(
    person: Person,
    name: string,
    scope: Scope,
    work: (client: ClientBase) => Promise<T>,
  ) =>
    db.inTransaction(async (client) => {
      await openTo(client, "app_user", name, "tenant_boundary");
      await applySettings(client, requestSettings(person, scope));
      return work(client);
    });

  it("are taken from a superadmin only, among the templates", async () => {
    const name = "app_public.session_templates";
    const refusal = (person: Person, organizationId: string | null, scope: Scope = {}) =>
      asPerson(person, name, scope, (client) => refusalOf(client, name, { organization_id: organizationId }));
    expect(await refusal(world.here.provider, null)).toBe("42501");
    expect(await refusal(world.superadmin, null)).not.toBe("42501");
    const named = { organizationId: world.own };
    expect(await refusal(world.superadmin, world.own, named)).not.toBe("42501");
    expect(await refusal(world.superadmin, world.foreign, named)).toBe("42501");
  });

  it.each([
    [
      "app_public.job_dead_letters",
      "(task, payload, error_code, attempts, job_id) values ('x', '{}', 'x', 1, 901)",
    ],
    ["app_public.trigger_failures", "(trigger_name, table_name, error_code) values ('x', 'x', 'x')"],
  ])("are shown to a superadmin only, and no other organization's with them: %s", async (name, row) => {
    await db.superuser.query(`insert into ${name} ${row}`);
    const tenants = (person: Person) =>
      asPerson(person, name, { organizationId: world.own }, async (client) => {
        const { rows } = await client.query<{ tenant: string | null }>(
          `select distinct organization_id as tenant from ${name}`,
        );
        return new Set(rows.map(({ tenant }) => tenant));
      });
    expect(await tenants(world.here.provider)).toEqual(new Set([world.own]));
    expect(await tenants(world.superadmin)).toEqual(new Set([world.own, null]));
  });
});

describe("the vault", () => {
  it("has both boundaries on every table of a person's", async () => {
    const { rows } = await db.superuser.query<{ name: string }>(
      `select c.oid::regclass::text as name
       from pg_catalog.pg_class c
       join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
       where c.relnamespace = 'app_vault'::regnamespace and c.relkind in ('r', 'p')
       order by name`,
    );
    for (const policy of ["closed_boundary", "owner_boundary"]) {
      expect((await tablesWith(policy, "user_id")).map(({ name }) => name)).toEqual(
        rows.map(({ name }) => name),
      );
    }
  });

  it("shows and takes nothing of anybody's for a role that is no person (closed_boundary)", async () => {
    const tables = await tablesWith("closed_boundary", "user_id");
    expect(tables.length).toBeGreaterThan(5);
    for (const { name, roles } of tables) {
      expect(roles.length).toBeGreaterThan(4);
      for (const role of roles) {
        await db.inTransaction(async (client) => {
          await openTo(client, role, name, "closed_boundary");
          await applySettings(client, { role });
          expect([name, role, (await client.query(`select from ${name}`)).rowCount]).toEqual([name, role, 0]);
          const row = { user_id: world.here.provider.userId };
          expect([name, role, await refusalOf(client, name, row)]).toEqual([name, role, "42501"]);
        });
      }
    }
  });

  it("shows and takes of a person what is theirs only (owner_boundary)", async () => {
    const { provider } = world.here;
    for (const { name } of await tablesWith("owner_boundary", "user_id")) {
      await db.inTransaction(async (client) => {
        await openTo(client, "app_user", name, "owner_boundary");
        await applySettings(client, requestSettings(provider));
        const { rows } = await client.query<{ user_id: string }>(`select user_id from ${name}`);
        expect([name, rows.filter((row) => row.user_id !== provider.userId)]).toEqual([name, []]);
        expect([name, await refusalOf(client, name, { user_id: provider.userId })]).not.toEqual([
          name,
          "42501",
        ]);
        const other = { user_id: world.there.provider.userId };
        expect([name, await refusalOf(client, name, other)]).toEqual([name, "42501"]);
      });
    }
  });
});
