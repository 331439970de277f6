import { LRU } from "@graphile/lru";
import type { Pool } from "pg";

import type { Identity } from "../auth/authenticate.ts";
import { withPgSettings } from "../database/withTenant.ts";
import type { Payer } from "./RateLimiter.ts";

export type FindPayers = (identity: Identity | undefined, address: string) => Promise<Payer[]>;

/** How long it takes at most until a new or ended membership counts. */
const MEMORY = 60_000;
const REMEMBERED_PEOPLE = 10_000;
/** Whoever is in more is counted as a person alone: each organization would cost every request another step. */
const MAXIMUM_ORGANIZATIONS = 20;

/**
 * Builds the function that says whose share a request is taken from: the person's, and that of the organizations the
 * request reaches (the one it names, else all of the person's); without a token, the address's. Which organizations
 * those are is asked of the database once a minute and person: a request that names a foreign one costs it nothing.
 */
export function makeFindPayers(pool: Pool): FindPayers {
  const known = new LRU<string, { organizations: Promise<string[]>; until: number }>({
    maxLength: REMEMBERED_PEOPLE,
  });
  return async (identity, address) => {
    if (!identity?.claims) {
      return [{ kind: "address", id: address }];
    }
    const { claims, settings } = identity;
    const key = `${claims.userId} ${settings["app.organization_id"] ?? ""}`;
    let entry = known.get(key);
    if (!entry || entry.until < Date.now()) {
      entry = { organizations: findOrganizations(pool, identity), until: Date.now() + MEMORY };
      known.set(key, entry);
    }
    const organizations = (await entry.organizations).map((id) => ({ kind: "organization" as const, id }));
    return [{ kind: "user", id: claims.userId }, ...organizations];
  };
}

/** None if the database refuses or does not answer: the request itself will say why. */
async function findOrganizations(pool: Pool, { settings }: Identity): Promise<string[]> {
  try {
    return await withPgSettings(pool, settings, async (client) => {
      const { rows } = await client.query<{ id: string }>(
        // A superadmin stands in every organization, and is at work in none.
        "select id from app_hidden.my_organization_ids() as id where not app_hidden.is_superadmin() limit $1",
        [MAXIMUM_ORGANIZATIONS + 1],
      );
      return rows.length > MAXIMUM_ORGANIZATIONS ? [] : rows.map(({ id }) => id);
    });
  } catch {
    return [];
  }
}
