import { expect } from "@jest/globals";

import type { Request, Scope, TestDatabase } from "./database.ts";
import type { Person } from "./people.ts";
import type { World } from "./world.ts";

/** Kinds of people; each is one person of the world. */
export const KINDS = [
  "clinicAdmin",
  "provider",
  "staff",
  "viewer",
  "elsewhere",
  "foreigner",
  "owner",
  "admin",
  "portal",
  "superadmin",
  "support",
  "stranger",
  "anonymous",
] as const;
export type Kind = (typeof KINDS)[number];

/** A write and the kinds of people who can do it; for everybody else it must touch nothing. */
export interface KindWrite {
  title: string;
  sql: string;
  values: (world: World) => unknown[];
  allowed: readonly Kind[];
  /** SQLSTATEs besides 42501 by which the others may be told that they cannot. */
  refusals?: readonly string[];
}

/** The person of a kind, and what their request says besides. */
export function personOfKind(world: World, kind: Kind): { person: Person | null; scope?: Scope } {
  const { here, there, abroad, owner, admin, portal, superadmin, stranger } = world;
  const { clinicAdmin, provider, staff, viewer } = here;
  const people = { clinicAdmin, provider, staff, viewer, owner, admin, portal, superadmin, stranger };
  switch (kind) {
    case "anonymous":
      return { person: null };
    case "elsewhere":
      return { person: there.provider };
    case "foreigner":
      return { person: abroad.provider };
    case "support":
      return { person: superadmin, scope: { purposeOfUse: "support" } };
    default:
      return { person: people[kind] };
  }
}

/** Runs as the person of a kind, and rolls back. */
export function asKind<T>(
  db: TestDatabase,
  world: World,
  kind: Kind,
  work: (request: Request) => Promise<T>,
): Promise<T> {
  const { person, scope } = personOfKind(world, kind);
  return person === null ? db.asAnonymous(work) : db.asUser(person, work, scope);
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
