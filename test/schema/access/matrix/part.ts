import { type Kind, KINDS } from "../../../../src/access/world/kinds.ts";
import type { World } from "../../../../src/access/world/world.ts";
import type { KindWrite } from "../../../support/kinds.ts";

/** Who sees and who writes what, in the tables of one domain. */
export interface MatrixPart {
  /** How many rows of a table, by its schema and name, each kind of person sees. */
  visible: Readonly<Record<string, Record<Kind, number>>>;
  /** The tables that a request may delete from, where its policies let it; of every other, nobody deletes. */
  deletable?: readonly string[];
  writes: readonly KindWrite[];
  /** Nobody may do these by a request: there is no grant. */
  refused: readonly string[];
}

/** Counts in the order of KINDS, which ends with those who are not signed in. */
export function row(...counts: readonly number[]): Record<Kind, number> {
  if (counts.length !== KINDS.length) {
    throw new Error(`A line has ${KINDS.length} counts, one for each kind of person; got ${counts.length}`);
  }
  return Object.fromEntries(KINDS.map((kind, index) => [kind, counts[index]])) as Record<Kind, number>;
}

export const CLINIC_STAFF = ["clinicAdmin", "provider", "staff", "breakGlass"] as const;
export const TREATING = ["clinicAdmin", "provider", "breakGlass"] as const;
/** Of the organization. */
export const ADMINISTRATORS = ["owner", "admin"] as const;
export const RUNS_CLINIC = ["clinicAdmin", ...ADMINISTRATORS] as const;

export const ofClinic = ({ own, here }: World) => [own, here.clinic.id];
export const ofOrganization = ({ own }: World) => [own];
