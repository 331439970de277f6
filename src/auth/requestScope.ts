import { AppError } from "../errors/AppError.ts";
import { isUuid } from "./claims.ts";

/** What a request says about itself besides its token. It narrows what the person may reach, and never widens it. */
export interface RequestScope {
  organizationId: string | null;
  clinicId: string | null;
  /** Why patient data is looked at: one of the words in docs/api.md, or another. */
  purposeOfUse: string | null;
}

/** A request that says nothing about itself. */
export const NO_SCOPE: RequestScope = { organizationId: null, clinicId: null, purposeOfUse: null };

/** Reads a header (or connection parameter) by its lower-case name; several values arrive as an array. */
export type ReadHeader = (name: string) => unknown;

const PURPOSE_PATTERN = /^[a-z][a-z0-9_-]{0,39}$/;

/** Reads X-Organization-Id, X-Clinic-Id and X-Purpose-Of-Use. Throws BAD_REQUEST for a malformed one. */
export function parseRequestScope(read: ReadHeader): RequestScope {
  return {
    organizationId: readUuid(read, "X-Organization-Id"),
    clinicId: readUuid(read, "X-Clinic-Id"),
    purposeOfUse: readPurpose(read, "X-Purpose-Of-Use"),
  };
}

function readUuid(read: ReadHeader, name: string): string | null {
  const value = read(name.toLowerCase());
  if (value === undefined) {
    return null;
  }
  if (!isUuid(value)) {
    throw new AppError(
      "BAD_REQUEST",
      `${name} must be one uuid, for example 0198c5d8-7d2e-7c1a-9f00-1f2e3d4c5b6a.`,
    );
  }
  return value.toLowerCase();
}

function readPurpose(read: ReadHeader, name: string): string | null {
  const value = read(name.toLowerCase());
  if (value === undefined) {
    return null;
  }
  if (typeof value !== "string" || !PURPOSE_PATTERN.test(value)) {
    throw new AppError(
      "BAD_REQUEST",
      `${name} must be one word of at most 40 lower-case letters, for example treatment.`,
    );
  }
  return value;
}
