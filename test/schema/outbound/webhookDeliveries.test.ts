import { beforeAll, expect, it } from "@jest/globals";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import { applySettings } from "../../../src/access/world/rolledBack.ts";
import { useTestDatabase } from "../../support/database.ts";

/** What became of a delivery is written down for the job that sends it, while it waits, and for nobody else. */
const db = useTestDatabase();
let world: FullWorld;

beforeAll(async () => {
  world = await createFullWorld(db);
  const { rows } = await db.superuser.query<{ organization_id: string }>(
    "select distinct organization_id from app_public.webhook_deliveries",
  );
  expect(new Set(rows.map((row) => row.organization_id))).toEqual(new Set([world.own, world.foreign]));
});

const ATTEMPT = "select from app_hidden.record_webhook_attempt($1, $2, $3, $4)";

const waiting = async (organizationId: string): Promise<{ id: string; attempts: number }> => {
  const { rows } = await db.superuser.query<{ id: string; attempts: number }>(
    "select id, attempts from app_public.webhook_deliveries where organization_id = $1",
    [organizationId],
  );
  return rows[0] ?? { id: "", attempts: 0 };
};

it("is settled by the job of its organization, once", async () => {
  const { id, attempts } = await waiting(world.own);
  await db.asWorker(world.own, async (request) => {
    const status = () =>
      request.value("select status::text from app_public.webhook_deliveries where id = $1", [id]);
    await request.rows(ATTEMPT, [id, attempts + 1, 500, "server_error"]);
    expect(await status()).toBe("waiting");
    await request.rows(ATTEMPT, [id, attempts + 2, 200, null]);
    expect(await status()).toBe("delivered");
    // It has ended: a late answer changes nothing.
    await request.rows(ATTEMPT, [id, attempts + 3, 410, "gone"]);
    expect(await status()).toBe("delivered");
  });
});

/** How many deliveries a function changes that acts as app_definer and is called by `role` in an organization. */
const changed = (role: string, organizationId: string) =>
  db.inTransaction(async (client) => {
    await client.query("grant create on schema app_hidden to app_definer; set local role app_definer");
    await client.query(
      `create function app_hidden.touch() returns setof uuid security definer set search_path to '' language sql volatile
       as 'update app_public.webhook_deliveries d set attempts = d.attempts + 1 returning d.organization_id'`,
    );
    await client.query(`grant execute on function app_hidden.touch() to ${role}; reset role`);
    await applySettings(client, {
      role,
      "app.organization_id": organizationId,
      "jwt.claims.sub": role === "app_user" ? world.here.clinicAdmin.userId : "",
    });
    const { rows } = await client.query<{ id: string }>("select distinct id from app_hidden.touch() as id");
    return rows.map(({ id }) => id);
  });

it("is changed for the worker in the organization of its job only", async () => {
  for (const organizationId of [world.own, world.foreign]) {
    expect(await changed("app_worker", organizationId)).toEqual([organizationId]);
  }
  expect(await changed("app_worker", "")).toEqual([]);
});

it("is not changed for a request of the organization's people", async () => {
  expect(await changed("app_user", world.own)).toEqual([]);
});
