import { randomUUID } from "node:crypto";

import type { ClientBase, Pool } from "pg";
import type { Logger } from "pino";

import { INSUFFICIENT_PRIVILEGE, UNAUTHENTICATED } from "../errors/sqlStates.ts";
import { type AccessScope, completeScope, OWN_ROLES } from "./accessScope.ts";
import { findBreaches } from "./checkAccess.ts";
import { loadRules, type Rule } from "./rules.ts";
import { readOwnWaivers, type Waiver } from "./waivers.ts";

export interface BootCheck {
  /** @throws with one line for each thing that is open, if any is. */
  assertProtected(): Promise<void>;
  /** For `/ready`: false as long as anything is open. What it is goes to the log when it changes. */
  isProtected(): Promise<boolean>;
}

/** Milliseconds for which an answer is given again; probes come less often. */
const FRESH_FOR = 1000;
const BEGIN = "begin transaction isolation level repeatable read read only";
/** A probe that has to read a table to find out has found out. */
const LIMITS = "set local statement_timeout to '2s'; set local enable_seqscan to off";

/**
 * Whether the database still protects its rows, asked over the gateway's own connection: no critical rule of `access check`
 * is broken for the role that signed in, and sessions that may see nothing see nothing.
 */
export function makeBootCheck(pool: Pool, logger: Logger): BootCheck {
  let known: { problems: Promise<string[]>; since: number } | undefined;
  let logged = "";
  let catalogue: Promise<[Rule[], Waiver[]]> | undefined;
  const ask = () => {
    catalogue ??= Promise.all([loadRules(), readOwnWaivers()]);
    if (known === undefined || performance.now() - known.since > FRESH_FOR) {
      known = { problems: findOpenings(pool, catalogue), since: performance.now() };
    }
    return known.problems;
  };
  return {
    async assertProtected() {
      const problems = await ask();
      if (problems.length > 0) {
        throw new Error(
          `The database does not protect its rows, so nothing is served:\n- ${problems.join("\n- ")}`,
        );
      }
    },
    async isProtected() {
      const problems = await ask();
      const text = problems.join("\n");
      if (text !== logged) {
        logged = text;
        logger[text === "" ? "info" : "error"]({ problems }, "What row security leaves open has changed");
      }
      return problems.length === 0;
    },
  };
}

async function findOpenings(pool: Pool, catalogue: Promise<[Rule[], Waiver[]]>): Promise<string[]> {
  const [rules, waivers] = await catalogue;
  const client = await pool.connect();
  try {
    await client.query(BEGIN);
    await client.query(LIMITS);
    return await openings(client, rules, waivers);
  } finally {
    // A connection that cannot roll back is not given to a request.
    await client.query("rollback").then(
      () => client.release(),
      (error: Error) => client.release(error),
    );
  }
}

/** The same inside of a transaction that the caller has begun. */
export async function openings(
  client: ClientBase,
  rules: readonly Rule[],
  waivers: readonly Waiver[],
): Promise<string[]> {
  const { rows } = await client.query<{ login: string }>("select session_user::text as login");
  const scope = await completeScope(client, {
    requestRoles: OWN_ROLES.requestRoles,
    loginRoles: rows.map(({ login }) => login),
  });
  const critical = rules.filter(({ severity }) => severity === "critical");
  const breaches = await findBreaches(client, scope, critical);
  // The day of a waiver is for `access check` to notice: no calendar may stop a clinic.
  const isWaived = (rule: string, object: string) =>
    waivers.some((waiver) => waiver.rule === rule && waiver.object === object);
  return [
    ...breaches
      .filter(({ rule, object }) => !isWaived(rule, object))
      .map(({ rule, object, detail }) => `${rule} ${object}: ${detail}`),
    ...(await probeSessions(client, scope)),
  ];
}

interface Probe {
  who: string;
  role: string;
  settings: Record<string, string>;
}

/** Who must see no row of any tenant, whatever the rows are. */
function strangers(scope: AccessScope): Probe[] {
  const nobody = { "jwt.claims.sub": randomUUID(), "jwt.claims.sid": randomUUID() };
  return scope.requestRoles.flatMap((role) => [
    { who: `${role} without a claim`, role, settings: {} },
    { who: `${role} as a person who does not exist`, role, settings: nobody },
  ]);
}

async function probeSessions(client: ClientBase, scope: AccessScope): Promise<string[]> {
  const problems: string[] = [];
  for (const probe of strangers(scope)) {
    const tables = await readableTables(client, scope, probe.role);
    await client.query("savepoint stranger");
    const settings = Object.entries({ ...probe.settings, role: probe.role });
    const calls = settings.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
    await client.query(`select ${calls.join(", ")}`, settings.flat());
    problems.push(
      ...(await visibleTables(client, tables)).map((table) => `${probe.who} sees rows of ${table}`),
    );
    await client.query("rollback to savepoint stranger");
  }
  return problems;
}

/** Every table of a tenant on which the role may select anything. */
async function readableTables(client: ClientBase, scope: AccessScope, role: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `\
select format('%I.%I', n.nspname, c.relname) as name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = $3 and not a.attisdropped
where n.nspname = any ($1::text[]) and c.relkind in ('r', 'p') and not c.relispartition
and has_schema_privilege($2, n.oid, 'usage') and has_any_column_privilege($2, c.oid, 'select')
order by 1`,
    [scope.schemas, role, scope.tenantColumns[0]],
  );
  return rows.map(({ name }) => name);
}

/** Those in which the current role sees a row. Being refused is as good as seeing none. */
async function visibleTables(client: ClientBase, tables: readonly string[]): Promise<string[]> {
  const visible: string[] = [];
  for (const table of tables) {
    await client.query("savepoint look");
    try {
      const { rows } = await client.query<{ seen: boolean }>(`select exists (select from ${table}) as seen`);
      if (rows[0]?.seen) {
        visible.push(table);
      }
    } catch (error) {
      await client.query("rollback to savepoint look");
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code !== UNAUTHENTICATED && code !== INSUFFICIENT_PRIVILEGE) {
        throw error;
      }
    }
  }
  return visible;
}
