import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { tenantTask } from "../../src/jobs/tenantTask.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});
beforeEach(async () => {
  await db.superuser.query("delete from graphile_worker._private_jobs");
  await db.superuser.query("delete from app_public.job_dead_letters");
});

interface Seen {
  role: string;
  user: string;
  organizations: string[];
  patients: string[];
}

const LOOK = `\
select current_user::text as role, app_hidden.current_user_id() as user,
  array(select distinct organization_id::text from app_public.patients) as organizations,
  array(select id::text from app_public.patients) as patients`;

/** What a job for this person sees as that person; null where it was refused. */
async function look(actorId: string | null, organizationId = world.own): Promise<Seen | null> {
  let seen: Seen | null = null;
  const task = tenantTask("test__look", {
    timeout: 10_000,
    parse: () => null,
    async perform({ asPerson }) {
      seen = await asPerson(async (client) => (await client.query<Seen>(LOOK)).rows[0] ?? null);
    },
  });
  await db.superuser.query("select graphile_worker.add_job('test__look', $1::json)", [
    JSON.stringify({ organizationId, actorId }),
  ]);
  await runJobs(db, db.config, { test__look: task });
  expect(await queuedJobs(db)).toEqual([]);
  return seen;
}

const reasons = async () => {
  const { rows } = await db.superuser.query("select error_code from app_public.job_dead_letters");
  return rows.map(({ error_code: code }) => code);
};

describe("a job that works as a person", () => {
  it("sees what that person sees, and nothing of another organization", async () => {
    const { here, there, abroad } = world;
    const seen = await look(here.provider.userId);
    expect(seen).toMatchObject({
      role: "app_user",
      user: here.provider.userId,
      organizations: [world.own],
    });
    expect(seen?.patients).toContain(here.patient.id);
    expect(seen?.patients).not.toContain(abroad.patient.id);
    expect((await look(there.provider.userId))?.patients).toContain(there.patient.id);
  });

  it("is refused for good in an organization where the person has no standing", async () => {
    expect(await look(world.here.provider.userId, world.foreign)).toBeNull();
    expect(await reasons()).toEqual(["actor_denied"]);
  });

  it("is refused for nobody", async () => {
    expect(await look(null)).toBeNull();
    expect(await reasons()).toEqual(["actor_denied"]);
  });

  it.each([
    [
      "whose membership has ended",
      "update app_public.organization_memberships set active = false where user_id = $1",
    ],
    ["whose account is closed", "update app_public.users set deleted_at = now() where id = $1"],
  ])("is refused for a person %s", async (_who, sql) => {
    const { userId } = world.here.viewer;
    if (sql.includes("deleted_at")) {
      await db.superuser.query(
        "update app_public.organization_memberships set active = true where user_id = $1",
        [userId],
      );
    }
    expect(await look(userId)).not.toBeNull();
    await db.superuser.query(sql, [userId]);
    expect(await look(userId)).toBeNull();
    expect(await reasons()).toEqual(["actor_denied"]);
  });
});
