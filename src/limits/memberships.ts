import { LRUCache } from "lru-cache";
import type { Pool } from "pg";

import type { Identity } from "../auth/authenticate.ts";
import { withPgSettings } from "../database/withTenant.ts";

/** In which organizations people stand, for the counts; what they may do there is the policies' business. */
export interface Memberships {
  /** As the database said it within the last minute; none where it has not been asked. */
  remembered(userId: string): readonly string[];
  /** None if the database refuses or does not answer: the request itself will say why. */
  find(identity: Identity): Promise<readonly string[]>;
}

interface Entry {
  asked: Promise<readonly string[]>;
  organizations: readonly string[];
}

/** How long it takes at most until a new or ended membership counts; milliseconds. */
const MEMORY = 60_000;
const REMEMBERED_PEOPLE = 10_000;
/** Whoever stands in more of them costs the others nothing. */
const MAXIMUM = 1000;

/**
 * Asks the database once a minute and person, whatever organization a request names: a header that is different each time
 * is no new question. A failure is not remembered, so that nobody's organization goes without its counts for a minute.
 */
export function makeMemberships(pool: Pool): Memberships {
  const people = new LRUCache<string, Entry>({ max: REMEMBERED_PEOPLE, ttl: MEMORY });
  const ask = (userId: string, identity: Identity): Entry => {
    const entry: Entry = { asked: findOrganizations(pool, identity), organizations: [] };
    people.set(userId, entry);
    entry.asked.then(
      (organizations) => {
        entry.organizations = organizations;
      },
      () => {
        if (people.peek(userId) === entry) {
          people.delete(userId);
        }
      },
    );
    return entry;
  };
  return {
    remembered: (userId) => people.get(userId)?.organizations ?? [],
    async find(identity) {
      const userId = identity.claims?.userId;
      if (userId === undefined) {
        return [];
      }
      const { asked } = people.get(userId) ?? ask(userId, identity);
      return asked.catch(() => []);
    },
  };
}

async function findOrganizations(pool: Pool, { settings }: Identity): Promise<readonly string[]> {
  const everywhere = { ...settings, "app.organization_id": "", "app.current_org_id": "" };
  return withPgSettings(pool, everywhere, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      // A superadmin stands in every organization, and is at work in none.
      "select id from app_hidden.my_organization_ids() as id where not app_hidden.is_superadmin() limit $1",
      [MAXIMUM],
    );
    return rows.map(({ id }) => id);
  });
}
