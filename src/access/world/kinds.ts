import type { Person } from "./people.ts";
import type { Scope } from "./rolledBack.ts";
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
