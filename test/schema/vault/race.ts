import { randomUUID } from "node:crypto";

import pg from "pg";

import { pgSettings } from "../../../src/auth/pgSettings.ts";
import type { Actor, TestDatabase } from "../../support/database.ts";

const RACERS = 40;

/** Makes all calls at once, each a request of its own that commits, over forty connections that are open beforehand. */
export async function race(
  db: TestDatabase,
  actor: Actor | null,
  calls: readonly { text: string; values: unknown[] }[],
): Promise<PromiseSettledResult<unknown[]>[]> {
  const pool = new pg.Pool({ connectionString: db.urls.gateway, max: RACERS });
  const claims = actor && { ...actor, organizationId: null, clinicId: null, expiresAt: Date.now() };
  const nowhere = { organizationId: null, clinicId: null, purposeOfUse: null };
  const settings = Object.entries(pgSettings(claims, nowhere, randomUUID()));
  const setAll = settings.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
  const request = async ({ text, values }: { text: string; values: unknown[] }) => {
    const client = await pool.connect();
    try {
      await client.query("begin");
      await client.query(`select ${setAll.join(", ")}`, settings.flat());
      const { rows } = await client.query(text, values);
      await client.query("commit");
      return rows as unknown[];
    } finally {
      await client.query("rollback").finally(() => client.release());
    }
  };
  try {
    await Promise.all(Array.from({ length: RACERS }, () => pool.query("select pg_backend_pid()")));
    return await Promise.allSettled(calls.map(request));
  } finally {
    await pool.end();
  }
}
