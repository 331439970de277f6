import { pgSettings } from "../../src/auth/pgSettings.ts";
import type { RequestScope } from "../../src/auth/requestScope.ts";
import { claimsOf } from "../../src/access/why/personAsked.ts";
import { type DemoPersonName, DEMO_PEOPLE, demoUserId } from "../../src/seed/demoPeople.ts";
import type { TestDatabase } from "../support/database.ts";

/** Somebody of the demo, as a request of theirs comes. */
export interface Asker {
  title: string;
  settings: Readonly<Record<string, string>>;
}

/** Every row of one table. */
export interface TableRows {
  table: string;
  /** The columns of the primary key. */
  key: string[];
  /** Each row as Postgres writes a value of the table's type. */
  rows: string[];
}

const NO_SCOPE: RequestScope = { organizationId: null, clinicId: null, purposeOfUse: null };

/** Every person of the demo, nobody, and some of them again with what a request's headers narrow or say. */
export async function demoAskers(db: TestDatabase): Promise<Asker[]> {
  const asker = (name: DemoPersonName | null, scope: Partial<RequestScope> = {}): Asker => ({
    title: `${name ?? "anonymous"} ${JSON.stringify(scope)}`,
    settings: pgSettings(name && claimsOf(demoUserId(name)), { ...NO_SCOPE, ...scope }, "why"),
  });
  const { rows } = await db.superuser.query<{ id: string; organizationId: string }>(
    `select c.id, c.organization_id as "organizationId" from app_public.clinics c order by c.name`,
  );
  const names = Object.keys(DEMO_PEOPLE) as DemoPersonName[];
  return [
    ...names.map((name) => asker(name)),
    asker(null),
    asker("admin", { purposeOfUse: "support" }),
    ...rows.map(({ id }) => asker("alice", { clinicId: id })),
    ...[...new Set(rows.map(({ organizationId }) => organizationId))].map((organizationId) =>
      asker("bob", { organizationId }),
    ),
  ];
}

/** Every table of the application that has rows, with all of them. */
export async function everyRow(db: TestDatabase): Promise<TableRows[]> {
  const { rows: tables } = await db.superuser.query<Omit<TableRows, "rows">>(
    `select c.oid::regclass::text as table,
       array(select quote_ident(a.attname) from pg_catalog.pg_attribute a
             where a.attrelid = c.oid and a.attnum = any (i.indkey::int2[])) as key
     from pg_catalog.pg_class c
     join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
     where c.relnamespace::regnamespace::text ~ '^app_' and c.relkind in ('r', 'p') and not c.relispartition
     order by 1`,
  );
  const found: TableRows[] = [];
  for (const { table, key } of tables) {
    const { rows } = await db.superuser.query(
      `select t::text as literal from ${table} t order by ${key.join()}`,
    );
    if (rows.length > 0) {
      found.push({ table, key, rows: rows.map(({ literal }) => literal) });
    }
  }
  return found;
}
