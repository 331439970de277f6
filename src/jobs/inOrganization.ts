import type { WithPgClient } from "graphile-worker";
import type { ClientBase } from "pg";

import { isUuid } from "../auth/claims.ts";

/** Runs `work` as `app_worker` in one transaction. Commits when it returns and rolls back when it throws. */
export function inTransaction<T>(
  withPgClient: WithPgClient,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  return withPgClient(async (client) => {
    await client.query("begin");
    try {
      const result = await work(client);
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback");
      throw error;
    }
  });
}

/** From here on, the transaction sees one organization and no other. */
export async function workFor(client: ClientBase, organizationId: string): Promise<void> {
  await client.query(
    "select pg_catalog.set_config(name, $1, true) from pg_catalog.unnest($2::text[]) as name",
    [organizationId, ["app.organization_id", "app.current_org_id"]],
  );
}

/**
 * Runs `work` as `app_worker` in one transaction that sees one organization and no other: an id of another tenant is
 * not found, whatever a job's payload says. Commits when it returns and rolls back when it throws.
 */
export function inOrganization<T>(
  withPgClient: WithPgClient,
  organizationId: string,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  return inTransaction(withPgClient, async (client) => {
    await workFor(client, organizationId);
    return work(client);
  });
}

/** Reads the organization from a job's payload. Throws what a task says when it was given something else. */
export function organizationOf(task: string, payload: unknown): string {
  const { organizationId } = (payload ?? {}) as { organizationId?: unknown };
  if (!isUuid(organizationId)) {
    throw new Error(
      `${task} needs an organizationId that is a uuid; the payload has the keys ${Object.keys(payload ?? {}).join(", ")}`,
    );
  }
  return organizationId;
}
