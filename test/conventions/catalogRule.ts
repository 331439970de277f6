/** A fact of our own schema that no rule of `access check` can know, and the proof that its query can see it broken. */
export interface CatalogRule {
  /** A sentence that is true when the query finds nothing. */
  title: string;
  /** Returns (object, detail), one row per breach. */
  query: string;
  /** Breaks the rule for `breaks.finding`, as superuser, in a transaction that is rolled back. */
  breaks: { sql: string; finding: string };
}

/** Every table and view of the application's schemas, partitions included. */
export const APP_RELATIONS = `
  select c.*, c.oid::regclass::text as object, n.nspname
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname ~ '^app_' and c.relkind in ('r', 'p', 'v', 'm', 'f')
`;

/** Roles that a request, a job or an import runs as. */
export const REQUEST_ROLES = `('app_user'::regrole::oid, 'app_anonymous'::regrole::oid, 'app_authenticator'::regrole::oid, 0)`;
