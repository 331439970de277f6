import pg from "pg";

import type { PreparedDatabase } from "../../database/prepareDatabase.ts";
import { EXPOSED_SCHEMAS } from "../../preset.ts";
import { createFullWorld, type FullWorld } from "../world/fullWorld.ts";
import { createAdministrator, createAppointment, type Person } from "../world/people.ts";
import { type Login, makeRolledBack } from "../world/rolledBack.ts";
import { type Canary, plantCanaries } from "./canaries.ts";
import type { Caller } from "./openApi.ts";
import { collectForeignIds, installDigest, readTenantTables, type TenantTable } from "./tenantRows.ts";

/** Everybody asks for every list and every row and sends every change; what comes many times over, some send for all. */
export interface Outsider extends Caller {
  /** Also asks for each relation, order and filter, and subscribes. */
  reads: boolean;
  /** Also sends each change with one foreign id among own ones. */
  writes: boolean;
}

export interface FuzzWorld {
  world: FullWorld;
  tables: TenantTable[];
  /** Of everything that is the foreign tenant's. */
  foreignIds: Set<string>;
  canaries: Canary[];
  /** Who may not learn anything of the foreign tenant. */
  outsiders: Outsider[];
  /** The foreign tenant's own people: they show that the walk can see. */
  insiders: Caller[];
}

/** Fills a migrated database with two tenants, and the rows of one of them with canaries. */
export async function makeFuzzWorld({ urls }: PreparedDatabase): Promise<FuzzWorld> {
  const pools = new Map<Login, pg.Pool>();
  const poolOf = (login: Login) => {
    const pool = pools.get(login) ?? new pg.Pool({ connectionString: urls[login], max: 2 });
    pools.set(login, pool);
    return pool;
  };
  try {
    const superuser = poolOf("superuser");
    const world = await createFullWorld(makeRolledBack(poolOf));
    const foreignOwner = await createAdministrator(superuser, world.foreign, "owner");
    await separateTenants(superuser, world);
    await fillEmptyColumns(superuser, world, foreignOwner);
    const client = await superuser.connect();
    try {
      const tables = await readTenantTables(client, EXPOSED_SCHEMAS);
      const { rows: members } = await client.query<{ id: string }>(
        "select user_id as id from app_public.organization_memberships where organization_id = $1",
        [world.foreign],
      );
      const seeds = [world.foreign, ...members.map(({ id }) => id)];
      const foreignIds = await collectForeignIds(client, tables, seeds);
      const canaries = await plantCanaries(client, tables);
      await installDigest(client, tables);
      return {
        world,
        tables,
        foreignIds,
        canaries,
        outsiders: outsidersOf(world),
        insiders: insidersOf(world, foreignOwner),
      };
    } finally {
      client.release();
    }
  } finally {
    await Promise.all([...pools.values()].map((pool) => pool.end()));
  }
}

/** The world lets a foreign provider share something with the clinic `here`: what it may read then is no leak. */
async function separateTenants(superuser: pg.Pool, { abroad }: FullWorld): Promise<void> {
  await superuser.query(
    "update app_vault.healthcare_shares set recipient_clinic_id = $1 where user_id = $2",
    [abroad.clinic.id, abroad.provider.userId],
  );
}

/** Columns that only a row in a certain state may fill. */
async function fillEmptyColumns(
  superuser: pg.Pool,
  { foreign, abroad }: FullWorld,
  owner: Person,
): Promise<void> {
  const { id } = await createAppointment(superuser, abroad.clinic, abroad.patient, abroad.provider);
  await superuser.query(
    "update app_public.appointments set status = 'cancelled', cancelled_reason = 'x' where id = $1",
    [id],
  );
  await superuser.query(
    "update app_public.break_glass_grants set reviewed_at = now(), reviewed_by = $2, review_note = 'x' where organization_id = $1",
    [foreign, owner.userId],
  );
  await superuser.query(
    "update app_public.integration_sync_runs set status = 'failed', failure = 'x' where organization_id = $1",
    [foreign],
  );
}

function outsidersOf({
  here,
  there,
  abroad,
  owner,
  admin,
  portal,
  stranger,
  breakGlass,
  foreign,
}: FullWorld): Outsider[] {
  const caller = (name: string, actor: Person | null, duties: string, headers?: Caller["headers"]) => ({
    name,
    actor,
    headers,
    reads: duties.includes("reads"),
    writes: duties.includes("writes"),
  });
  return [
    caller("provider", here.provider, "reads, writes"),
    caller("owner", owner, "reads, writes"),
    caller("clinic admin", here.clinicAdmin, "writes"),
    caller("staff", here.staff, ""),
    caller("viewer", here.viewer, ""),
    caller("provider of another clinic", there.provider, ""),
    caller("provider in an emergency", breakGlass, ""),
    caller("admin", admin, ""),
    caller("portal", portal, "reads"),
    caller("stranger", stranger, "reads"),
    caller("anonymous", null, "reads"),
    caller("owner who claims the foreign organization", owner, "reads, writes", {
      "x-organization-id": foreign,
      "x-clinic-id": abroad.clinic.id,
      "x-purpose-of-use": "emergency",
    }),
  ];
}

function insidersOf({ abroad }: FullWorld, owner: Person): Caller[] {
  return [
    { name: "foreign owner", actor: owner },
    { name: "foreign provider", actor: abroad.provider },
  ];
}
