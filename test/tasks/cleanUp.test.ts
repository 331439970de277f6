import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

/** The database's part of `maintenance__clean_up`, as the worker calls it; how many rows went. */
async function cleanUp(client: ClientBase, kind: string): Promise<number> {
  await client.query("set local role app_worker");
  const { rows } = await client.query<{ count: number }>("select app_hidden.clean_up($1) as count", [kind]);
  await client.query("reset role");
  return rows[0]?.count ?? NaN;
}

/** Rows of which two have ended and two have not, and what is left of them is asked for. */
const ENDING = [
  {
    kind: "registrations",
    insert: `insert into app_private.registrations (email, password_hash, expires_at)
      select 'a' || n || '@example.com', 'x', now() + make_interval(mins => n) from unnest($1::int[]) n where $2::uuid is not null`,
    left: "select email as key from app_private.registrations order by expires_at",
    keys: ["a1@example.com", "a2@example.com"],
  },
  {
    kind: "email_tokens",
    insert: `insert into app_private.email_tokens (token_hash, user_id, email, expires_at)
      select sha256(n::text::bytea), $2, 'a' || n || '@example.com', now() + make_interval(mins => n) from unnest($1::int[]) n`,
    left: "select email as key from app_private.email_tokens order by expires_at",
    keys: ["a1@example.com", "a2@example.com"],
  },
  {
    kind: "export_links",
    insert: `with asked as (
        insert into app_public.export_requests (organization_id, clinic_id, kind, created_by)
        select organization_id, id, 'metrics', $2 from app_public.clinics limit 1
        returning organization_id, id, created_by
      )
      insert into app_private.export_links (token_hash, organization_id, export_id, user_id, expires_at)
      select sha256(n::text::bytea), organization_id, id, created_by, now() + make_interval(mins => n)
      from asked, unnest($1::int[]) n`,
    left: "select extract(minutes from expires_at - now())::int::text as key from app_private.export_links order by 1",
    keys: ["1", "2"],
  },
];

describe("clean_up()", () => {
  it.each(ENDING)("deletes $kind that have ended, and no other", ({ kind, insert, left, keys }) =>
    db.inTransaction(async (client) => {
      await client.query(insert, [[-2, -1, 1, 2], world.owner.userId]);
      expect(await cleanUp(client, kind)).toBe(2);
      const { rows } = await client.query<{ key: string }>(left);
      expect(rows.map(({ key }) => key)).toEqual(keys);
    }),
  );

  it.each([
    [-91, 1],
    [-89, 0],
    [null, 0],
  ])("deletes a share that ended 90 days ago, and no younger one (%p days: %p)", (days, count) =>
    db.inTransaction(async (client) => {
      await client.query(
        `insert into app_public.resource_shares (organization_id, owner_clinic_id, clinic_id, care_session_id, expires_at)
         select organization_id, clinic_id, $2, id, now() + $3::int * interval '1 day'
         from app_public.care_sessions where id = $1`,
        [world.here.careSessionId, world.there.clinic.id, days],
      );
      expect(await cleanUp(client, "shares")).toBe(count);
    }),
  );

  it("does not keep an effect's key for a dead letter that is settled", () =>
    db.inTransaction(async (client) => {
      await client.query(
        `insert into app_public.job_dead_letters
           (organization_id, job_id, task, payload, error_code, attempts, created_at, resolution, resolved_at)
         values ($1, 4, 'x', '{}', 'failed', 1, now() - interval '500 days', 'dropped', now() - interval '1 day')`,
        [world.own],
      );
      await client.query(
        `insert into app_private.job_effects (organization_id, effect_key, created_at)
         values ($1, 'past', now() - interval '300 days')`,
        [world.own],
      );
      expect(await cleanUp(client, "job_effects")).toBe(1);
    }));

  it("refuses what it does not know", () =>
    db.inTransaction(async (client) => {
      await expect(cleanUp(client, "patients")).rejects.toMatchObject({ code: "BADIN" });
    }));
});
