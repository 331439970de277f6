import { randomUUID } from "node:crypto";

import type { Pool, PoolClient } from "pg";

import { type PgSettings, pgSettings } from "../auth/pgSettings.ts";

/** A person at work in an organization. All uuids. */
export interface Tenant {
  organizationId: string;
  userId: string;
  clinicId?: string;
  /** Without one, nothing is revocable before the transaction's end. */
  sessionId?: string;
  purposeOfUse?: string;
}

/**
 * Runs `fn` in one transaction as `app_user` with exactly the settings of a GraphQL request by that person, and
 * `app.is_superadmin` besides; commits when it returns and rolls back when it throws.
 *
 * @param pool connections of the gateway's login role.
 */
export async function withTenant<T>(
  pool: Pool,
  tenant: Tenant,
  fn: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const { organizationId, userId, clinicId = null, sessionId = null, purposeOfUse = null } = tenant;
  const expiresAt = Number.MAX_SAFE_INTEGER;
  const claims = { userId, sessionId, organizationId, clinicId, expiresAt };
  const settings = pgSettings(claims, { organizationId, clinicId, purposeOfUse }, randomUUID());
  return withPgSettings(pool, settings, async (client) => {
    await client.query("select app_hidden.set_superadmin_setting()");
    return fn(client);
  });
}

/** Runs `fn` in one transaction with settings that end with it; commits when it returns, rolls back when it throws. */
export async function withPgSettings<T>(
  pool: Pool,
  settings: PgSettings,
  fn: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let isBroken = false;
  try {
    await client.query("begin");
    try {
      await client.query(
        "select pg_catalog.set_config(key, value, true) from pg_catalog.json_each_text($1::json)",
        [JSON.stringify(settings)],
      );
      const result = await fn(client);
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch(() => {
        isBroken = true;
      });
      throw error;
    }
  } finally {
    // A connection that could not roll back is not handed to the next person.
    client.release(isBroken);
  }
}
