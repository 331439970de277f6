import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

/** An export of the provider of `here` that is ready until so long from now; its id. */
async function readyExport(client: ClientBase, expiresIn = "1 day", hash = "a"): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into app_public.export_requests
       (organization_id, clinic_id, kind, created_by, created_at, expires_at, status, row_count, byte_count,
        content_sha256, formatted_at)
     values ($1, $2, 'patients', $3, now() - interval '2 days', now() + $4::interval, 'ready', 1, 1, repeat($5, 64),
       now()) returning id`,
    [world.own, world.here.clinic.id, world.here.provider.userId, expiresIn, hash],
  );
  return rows[0]?.id ?? "";
}

describe("a link to an export", () => {
  const link = async (client: ClientBase, id: string) => {
    await applySettings(client, requestSettings(world.here.provider));
    return client.query("select (app_public.create_export_link($1)).path", [id]);
  };

  it("is made for who asked for it", () =>
    db.inTransaction(async (client) => {
      const { rows } = await link(client, await readyExport(client));
      expect(rows).toEqual([{ path: expect.stringMatching(/^\/exports\/[0-9a-f]{64}$/) }]);
    }));

  it("is not made when the export has expired", () =>
    db.inTransaction(async (client) => {
      const id = await readyExport(client, "-1 second");
      await expect(link(client, id)).rejects.toMatchObject({ code: "NTFND" });
    }));

  it.each(["active = false", "role = 'staff'"])(
    "is not made for who asked and may export from that clinic no more: %s",
    (change) =>
      db.inTransaction(async (client) => {
        const id = await readyExport(client);
        await client.query(`update app_public.clinic_memberships set ${change} where user_id = $1`, [
          world.here.provider.userId,
        ]);
        await expect(link(client, id)).rejects.toMatchObject({ code: "NTFND" });
      }),
  );
});

it("files are kept of the exports and reports that were named, are ready and have not expired", () =>
  db.inTransaction(async (client) => {
    const kept = await readyExport(client, "1 day", "a");
    const expired = await readyExport(client, "-1 second", "b");
    await readyExport(client, "1 day", "c");
    const { rows: waiting } = await client.query<{ id: string }>(
      "insert into app_public.export_requests (organization_id, clinic_id, kind, created_by) values ($1, $2, 'patients', $3) returning id",
      [world.own, world.here.clinic.id, world.here.provider.userId],
    );
    const report = async (week: string, expiresIn: string, hash: string) => {
      const { rows } = await client.query<{ id: string }>(
        `insert into app_public.reports
           (organization_id, clinic_id, period, starts_on, ends_on, figures, html_byte_count, html_sha256,
            csv_byte_count, csv_sha256, written_at, files_expire_at)
         values ($1, $2, 'week', $3, $3::date + 6, '[]', 1, repeat($5, 64), 1, repeat($5, 64), now(),
           now() + $4::interval) returning id`,
        [world.own, world.here.clinic.id, week, expiresIn, hash],
      );
      return rows[0]?.id ?? "";
    };
    const keptReport = await report("2026-03-02", "1 day", "d");
    const expiredReport = await report("2026-03-09", "-1 second", "e");
    await report("2026-03-16", "1 day", "f");
    await applySettings(client, { role: "app_worker", "app.organization_id": world.own });
    const { rows } = await client.query(
      "select id, left(content_sha256, 1) as hash from app_hidden.live_exports($1) order by 2",
      [[kept, expired, waiting[0]?.id, keptReport, expiredReport]],
    );
    expect(rows).toEqual([
      { id: kept, hash: "a" },
      { id: keptReport, hash: "d" },
      { id: keptReport, hash: "d" },
    ]);
  }));
