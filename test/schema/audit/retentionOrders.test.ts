import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const NOBODY = "00000000-0000-4000-8000-000000000001";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

/** As `bailiwick audit hold` and `keep` call it; and the organizations that have such an order then. */
const order = (sql: string, values: unknown[], table: string) =>
  db.inTransaction(async (client: ClientBase) => {
    await client.query("set local role app_owner");
    const { rows } = await client.query<{ done: unknown }>(`select ${sql} as done`, values);
    await client.query("reset role");
    const { rows: ordered } = await client.query<{ organization_id: string }>(
      `select organization_id from app_audit.${table}`,
    );
    return { done: rows[0]?.done, ordered: ordered.map((row) => row.organization_id) };
  });

describe("an organization's events", () => {
  it("are held, and no other's", async () => {
    const held = await order("app_audit.hold_events($1, 'Court order')", [world.own], "legal_holds");
    expect(held).toEqual({ done: expect.stringMatching(/^[0-9a-f-]{36}$/), ordered: [world.own] });
  });

  it("are kept for so long, and no other's", async () => {
    const kept = await order("app_audit.keep_events($1, 'XX', 30)", [world.own], "retention_policies");
    expect(kept).toEqual({ done: true, ordered: [world.own] });
  });

  it.each([
    ["held", "app_audit.hold_events($1, 'Court order')", "legal_holds", null],
    ["kept", "app_audit.keep_events($1, 'XX', 30)", "retention_policies", false],
  ])("are not %s where there is no such organization", async (_what, sql, table, done) => {
    expect(await order(sql, [NOBODY], table)).toEqual({ done, ordered: [] });
  });
});
