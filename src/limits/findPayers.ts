import type { Pool } from "pg";

import type { Identity } from "../auth/authenticate.ts";
import { makeMemberships } from "./memberships.ts";
import type { Payer } from "./RateLimiter.ts";

/** Who pays for a request, one after the other. The first is known without the database, which is asked for the next ones. */
export interface Payers extends AsyncIterable<Payer> {
  /** As far as they are known by now. */
  known(): readonly Payer[];
}

export type FindPayers = (identity: Identity | undefined, address: string) => Payers;

/** Whoever is in more is counted as a person alone: each organization would cost every request another step. */
const MAXIMUM_ORGANIZATIONS = 20;

/**
 * Builds the function that says whose share a request is taken from: the person's, and that of the organizations the
 * request reaches (the one it names, else all of the person's); without a token, the address's. A request that names a
 * foreign organization costs it nothing.
 */
export function makeFindPayers(pool: Pool): FindPayers {
  const memberships = makeMemberships(pool);
  return (identity, address) => {
    if (!identity?.claims) {
      return payersOf({ kind: "address", id: address });
    }
    const named = identity.settings["app.organization_id"] ?? "";
    const pays = (ids: readonly string[]) =>
      reached(ids, named).map((id) => ({ kind: "organization" as const, id }));
    return payersOf(
      { kind: "user", id: identity.claims.userId },
      pays(memberships.remembered(identity.claims.userId)),
      async () => pays(await memberships.find(identity)),
    );
  };
}

/** @param find who pays besides the first; `remembered`: who that was when it was last asked. */
function payersOf(
  first: Payer,
  remembered: readonly Payer[] = [],
  find: () => Promise<readonly Payer[]> = async () => [],
): Payers {
  let others = remembered;
  return {
    known: () => [first, ...others],
    async *[Symbol.asyncIterator]() {
      yield first;
      others = await find();
      yield* others;
    },
  };
}

function reached(organizations: readonly string[], named: string): readonly string[] {
  if (named !== "") {
    return organizations.filter((id) => id === named);
  }
  return organizations.length > MAXIMUM_ORGANIZATIONS ? [] : organizations;
}
