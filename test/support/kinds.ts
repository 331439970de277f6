import { expect } from "@jest/globals";

import { type Kind, personOfKind } from "../../src/access/world/kinds.ts";
import type { World } from "../../src/access/world/world.ts";
import type { Request, TestDatabase } from "./database.ts";

/** A write and the kinds of people who can do it; for everybody else it must touch nothing. */
export interface KindWrite {
  title: string;
  sql: string;
  values: (world: World) => unknown[];
  allowed: readonly Kind[];
  /** SQLSTATEs besides 42501 by which the others may be told that they cannot. */
  refusals?: readonly string[];
}

/** Runs as the person of a kind, and rolls back. */
export function asKind<T>(
  db: TestDatabase,
  world: World,
  kind: Kind,
  work: (request: Request) => Promise<T>,
): Promise<T> {
  const { person, scope, token } = personOfKind(world, kind);
  if (person !== null) {
    return db.asUser(person, work, scope);
  }
  return db.asAnonymous(async (request) => {
    if (token !== undefined) {
      expect(await request.rows("select app_vault.redeem_share($1)", [token])).toHaveLength(1);
    }
    return work(request);
  });
}

/**
 * How many rows a statement read or wrote; a refusal counts as none, any other failure is one.
 *
 * @param refusals SQLSTATEs that mean "you may not".
 */
export async function countTouched(
  request: Request,
  sql: string,
  values: unknown[] = [],
  refusals: readonly string[] = ["42501"],
): Promise<number> {
  try {
    return await request.attempt(sql, values);
  } catch (error) {
    expect(refusals).toContain((error as { code?: string }).code);
    return 0;
  }
}
