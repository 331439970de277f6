import { type DocumentNode, type GraphQLSchema, NoDeprecatedCustomRule, validate } from "graphql";

export interface Deprecation {
  /** Since when the first of it is deprecated. */
  since: Date;
  /** When the first of it will be removed. */
  until: Date;
}

/** How every reason of a `@deprecated` starts: `Since 2026-11-20, until 2027-05-31: use patientByRowId.` */
const REASON_PATTERN = /\bSince (\d{4}-\d{2}-\d{2}), until (\d{4}-\d{2}-\d{2}): /;

/** Reads the dates of a reason; null if it does not say them. */
export function parseDeprecationReason(reason: string): Deprecation | null {
  const [, since, until] = REASON_PATTERN.exec(reason) ?? [];
  return since && until ? { since: new Date(since), until: new Date(until) } : null;
}

/** When a document starts to be outdated and stops to work, by what it uses of a schema; null if it uses nothing deprecated. */
export function findDeprecation(schema: GraphQLSchema, document: DocumentNode): Deprecation | null {
  const found = validate(schema, document, [NoDeprecatedCustomRule])
    .map(({ message }) => parseDeprecationReason(message))
    .filter((deprecation) => deprecation !== null);
  const earliest = (dates: Date[]) => new Date(Math.min(...dates.map((date) => date.getTime())));
  return found.length === 0
    ? null
    : { since: earliest(found.map(({ since }) => since)), until: earliest(found.map(({ until }) => until)) };
}
