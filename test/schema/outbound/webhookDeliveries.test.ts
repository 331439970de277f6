import { beforeAll, expect, it } from "@jest/globals";

import { createFullWorld, type FullWorld } from "../../../src/access/world/fullWorld.ts";
import { applySettings } from "../../../src/access/world/rolledBack.ts";
import { useTestDatabase } from "../../support/database.ts";

/** What became of a delivery is written down for the job that sends it, while it waits, and for nobody else. */
const db = useTestDatabase();
let world: FullWorld;

beforeAll(async () => {
  world = await createFullWorld(db);
  await db.superuser.query(
    "update app_public.webhook_deliveries set status = 'delivered', next_attempt_at = null, finished_at = now() where clinic_id = $1",
    [world.there.clinic.id],
  );
});

const ATTEMPT = "select from app_hidden.record_webhook_attempt($1, $2, $3, $4)";

it("is settled by the job of its organization", async () => {
  const { rows } = await db.superuser.query<{ id: string; attempts: number }>(
    "select id, attempts from app_public.webhook_deliveries where clinic_id = $1",
    [world.here.clinic.id],
  );
  const [{ id, attempts } = { id: "", attempts: 0 }] = rows;
  const left = "select count(*)::int from app_hidden.webhook_to_deliver($1)";
  await db.asWorker(world.own, async (request) => {
    await request.rows(ATTEMPT, [id, attempts + 1, 500, "server_error"]);
    expect(await request.value(left, [id])).toBe(1);
    await request.rows(ATTEMPT, [id, attempts + 2, 200, null]);
    expect(await request.value(left, [id])).toBe(0);
  });
  await db.asWorker(world.foreign, async (request) => {
    await request.rows(ATTEMPT, [id, attempts + 1, 200, null]);
    expect(await request.value(left, [id])).toBe(0);
  });
});

/** What a statement returns in a function that acts as app_definer and is called by `role` in an organization. */
const returned = (role: string, organizationId: string, statement: string) =>
  db.inTransaction(async (client) => {
    await client.query("alter table app_public.webhook_deliveries disable trigger user");
    await client.query("grant insert, update on app_public.webhook_deliveries to app_definer");
    await client.query("grant create on schema app_hidden to app_definer; set local role app_definer");
    await client.query(
      `create function app_hidden.touch() returns setof uuid security definer set search_path to '' language sql volatile
       begin atomic ${statement}; end`,
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

/** The clinics whose deliveries are changed. */
const changed = (role: string, organizationId: string, change = "attempts = d.attempts + 1") =>
  returned(
    role,
    organizationId,
    `update app_public.webhook_deliveries d set ${change} returning d.clinic_id`,
  );

it("begins without an attempt", async () => {
  const again = (attempts: number) =>
    returned(
      "app_worker",
      world.own,
      `insert into app_public.webhook_deliveries
         (organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids, attempts)
       select d.organization_id, d.clinic_id, d.endpoint_id, gen_random_uuid(), d.event_kind, d.subject_ids, ${attempts}
       from app_public.webhook_deliveries d where d.status = 'waiting' returning clinic_id`,
    );
  expect(await again(0)).toEqual([world.here.clinic.id]);
  await expect(again(1)).rejects.toThrow("row-level security");
});

it("is changed while it waits, for the worker in the organization of its job only", async () => {
  for (const { clinic } of [world.here, world.abroad]) {
    expect(await changed("app_worker", clinic.organizationId)).toEqual([clinic.id]);
  }
  expect(await changed("app_worker", "")).toEqual([]);
});

it("is not changed for a request of the organization's people", async () => {
  expect(await changed("app_user", world.own)).toEqual([]);
});

it("stays with its organization", async () => {
  // Without a condition and without returning anything, which would bring the policies of select in.
  const move = (organizationId: string) =>
    returned(
      "app_worker",
      world.own,
      `update app_public.webhook_deliveries set organization_id = '${organizationId}'; select null::uuid`,
    );
  expect(await move(world.own)).toEqual([null]);
  await expect(move(world.foreign)).rejects.toThrow("row-level security");
});
