import { type ClientBase, DatabaseError } from "pg";

import type { PgSettings } from "../../auth/pgSettings.ts";
import { becomeAsker } from "../sample/demoAskers.ts";

export const ACCESS_COMMANDS = ["select", "update", "delete"] as const;
export type AccessCommand = (typeof ACCESS_COMMANDS)[number];

/** A fact that a true arm rests on; without a table, something about the request or the row itself. */
export interface Evidence {
  table: string | null;
  id: string | null;
  fact: string;
}

/** One expression of a policy (depth 0), or an arm of the one above it. */
export interface PolicyAnswer {
  number: number;
  policy: string;
  permissive: boolean;
  roles: string;
  policy_command: string;
  phase: "using" | "check";
  depth: number;
  connective: "and" | "or" | null;
  expression: string;
  /** Null where it was not asked: the role does not reach the schema, or asking failed. */
  result: boolean | null;
  evidence: Evidence[];
}

/** As app_hidden.access_verdict() puts it together (migrations/fixtures/access/access_verdict.sql). */
export interface Verdict {
  table: string;
  command: AccessCommand;
  role: string;
  allowed: boolean;
  because: string;
  rowSecurity: boolean;
  grants: {
    usage: boolean;
    select: string[];
    update: string[] | null;
    delete: boolean | null;
    missing: string | null;
  };
  policies: PolicyAnswer[];
}

export interface AccessQuestion {
  table: string;
  command: AccessCommand;
  /** Rows as Postgres writes a value of the table's type. */
  rows: string[];
  /** What a request of the person would set, its role included. */
  settings: PgSettings;
  /** Look up what true arms rest on. */
  withEvidence: boolean;
}

interface Answer {
  results: (boolean | null)[];
  evidence: (Evidence[] | null)[];
}

/** SQLSTATE of what the helpers raise for somebody whose account or session has ended. */
const UNAUTHENTICATED = "UNAUT";

/**
 * Asks a table's own policies about rows as a person: as their role and with the settings of their request, so that what
 * the policies look up is looked up with their rights; the rows themselves are given, whether they may see them or not.
 *
 * @param client an administrative connection in a transaction; it is left as it was.
 * @returns a verdict for each row, in their order.
 */
export async function judgeAccess(client: ClientBase, question: AccessQuestion): Promise<Verdict[]> {
  const { table, command, settings, withEvidence } = question;
  const asked = [table, settings.role, command];
  const { rows } = await client.query<{ query: string; reaches: boolean }>(
    `select app_hidden.access_query($1, $2, $3, $4) as query,
       (app_hidden.access_grants($1, $2, $3) ->> 'usage')::boolean as reaches`,
    [...asked, withEvidence],
  );
  const [prepared] = rows;
  const answers = prepared?.reaches ? await answersAs(client, question, prepared.query) : null;
  if (typeof answers === "string") {
    const [verdict] = await verdictsOf(client, asked, [{ results: [], evidence: [] }]);
    return question.rows.map(() => ({ ...(verdict as Verdict), allowed: false, because: answers }));
  }
  return verdictsOf(client, asked, answers ?? question.rows.map(() => ({ results: [], evidence: [] })));
}

/** @returns a sentence where the person cannot even ask. */
async function answersAs(
  client: ClientBase,
  { settings, rows }: AccessQuestion,
  query: string,
): Promise<Answer[] | string> {
  await becomeAsker(client, settings, "person");
  try {
    return (await client.query<Answer>(query, [rows])).rows;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === UNAUTHENTICATED) {
      return "the person’s account is closed";
    }
    throw error;
  } finally {
    // Takes the settings and the role back, too.
    await client.query("rollback to savepoint person");
    await client.query("release savepoint person");
  }
}

/** Rows with the same answers have the same verdict, and a table's rows have few different ones. */
async function verdictsOf(client: ClientBase, asked: unknown[], answers: Answer[]): Promise<Verdict[]> {
  const known = new Map<string, Verdict>();
  const verdicts: Verdict[] = [];
  for (const { results, evidence } of answers) {
    const key = JSON.stringify([results, evidence]);
    let verdict = known.get(key);
    if (!verdict) {
      const { rows } = await client.query<{ verdict: Verdict }>(
        "select app_hidden.access_verdict($1, $2, $3, $4::boolean[], $5::jsonb[]) as verdict",
        [...asked, results, evidence.map((facts) => facts && JSON.stringify(facts))],
      );
      verdict = (rows[0] as { verdict: Verdict }).verdict;
      known.set(key, verdict);
    }
    verdicts.push(verdict);
  }
  return verdicts;
}
