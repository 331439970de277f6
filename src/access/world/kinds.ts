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
  /** A provider of `here` with an emergency access to the patient of `there` that goes on. */
  "breakGlass",
  "anonymous",
  /** Nobody who signed in, after they opened a share with its link. */
  "tokenHolder",
] as const;
export type Kind = (typeof KINDS)[number];

/** Who a request of a kind comes from, and what it says besides. */
export interface KindRequest {
  person: Person | null;
  scope?: Scope;
  /** Of a share, redeemed before anything else. */
  token?: string;
}

/** @throws when the world does not have the kind. */
export function personOfKind(world: World, kind: Kind): KindRequest {
  const { here, there, abroad, owner, admin, portal, superadmin, stranger, breakGlass } = world;
  const { clinicAdmin, provider, staff, viewer } = here;
  const people = {
    ...{ clinicAdmin, provider, staff, viewer, owner, admin, portal, superadmin, stranger, breakGlass },
    elsewhere: there.provider,
    foreigner: abroad.provider,
    support: superadmin,
  };
  if (kind === "anonymous" || kind === "tokenHolder") {
    return { person: null, ...(kind === "tokenHolder" && { token: world.shareToken }) };
  }
  const person = people[kind];
  if (person === undefined) {
    throw new Error(`Only the full world has somebody of the kind ${kind}`);
  }
  return { person, ...(kind === "support" && { scope: { purposeOfUse: "support" } }) };
}
