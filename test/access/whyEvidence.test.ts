import { beforeAll, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import type { Asker } from "../../src/access/sample/demoAskers.ts";
import { everyRow } from "../../src/access/sample/everyRow.ts";
import { type Evidence, judgeAccess, type PolicyAnswer } from "../../src/access/why/judgeAccess.ts";
import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import { useTestDatabase } from "../support/database.ts";
import { narrowedAskers } from "./whyAskers.ts";

const db = useTestDatabase();
let askers: Asker[];
let tables: { table: string; rows: string[] }[];

/** Of a table; the figures of metrics repeat each other. */
const MOST_ROWS = 30;

beforeAll(async () => {
  await seedDatabase(db);
  // The demo's own emergency is over.
  await db.superuser.query(
    `insert into app_public.break_glass_grants
       (organization_id, patient_id, home_clinic_id, user_id, reason, expires_at)
     select organization_id, patient_id, home_clinic_id, user_id, reason, now() + interval '1 hour'
     from app_public.break_glass_grants`,
  );
  askers = await narrowedAskers(db);
  tables = (await everyRow(db.superuser)).map(({ table, rows }) => ({
    table,
    rows: rows.slice(0, MOST_ROWS).map(({ literal }) => literal),
  }));
});

/** How each kind of fact ends, so that it no longer opens anything. */
const ENDINGS: Record<string, string> = {
  "app_public.organization_memberships": "active = false",
  "app_public.clinic_memberships": "active = false",
  "app_public.users": "is_superadmin = false",
  "app_public.patients": "portal_user_id = null",
  "app_public.patient_clinic_links": "clinic_id = gen_random_uuid()",
  "app_public.resource_shares": "clinic_id = gen_random_uuid()",
  "app_public.break_glass_grants": "revoked_at = now()",
};

/** An arm that is true for a row, and everything it is said to rest on. */
interface Rested {
  asker: Asker;
  table: string;
  row: string;
  arm: number;
  facts: Evidence[];
}

const isAboutPerson = ({ expression }: PolicyAnswer) =>
  expression.includes("SELECT app_hidden.") && !/<>|IS DISTINCT|IS NOT (NULL|FALSE)|CASE /.test(expression);

/** One row for each table, arm and set of facts: the others say the same. */
async function restedArms(client: ClientBase, asker: Asker): Promise<Rested[]> {
  const found = new Map<string, Rested>();
  for (const { table, rows } of tables) {
    const { settings } = asker;
    const verdicts = await judgeAccess(client, {
      table,
      command: "select",
      rows,
      settings,
      withEvidence: true,
    });
    for (const [index, { policies }] of verdicts.entries()) {
      for (const answer of policies) {
        if (answer.result && answer.connective === null && isAboutPerson(answer)) {
          const key = JSON.stringify([table, answer.number, answer.evidence]);
          const row = rows[index] ?? "";
          found.set(key, { asker, table, row, arm: answer.number, facts: answer.evidence });
        }
      }
    }
  }
  return [...found.values()];
}

async function arm(client: ClientBase, { asker, table, row, arm: number }: Rested): Promise<boolean | null> {
  const [verdict] = await judgeAccess(client, {
    table,
    command: "select",
    rows: [row],
    settings: asker.settings,
    withEvidence: false,
  });
  return verdict?.policies.find((answer) => answer.number === number)?.result ?? null;
}

const TIMEOUT = 300_000;

it(
  "names for every true arm facts without which it would be false",
  async () => {
    const unexplained: unknown[] = [];
    const stillTrue: unknown[] = [];
    const kinds = new Set<string>();
    await db.inTransaction(async (client) => {
      // Only the policies are asked about, not what triggers would say to it.
      await client.query("set local session_replication_role to replica");
      for (const asker of askers) {
        for (const rested of await restedArms(client, asker)) {
          if (rested.facts.length === 0) {
            unexplained.push([asker.title, rested.table, rested.arm]);
          }
          if (rested.facts.some(({ table }) => table === null)) {
            continue;
          }
          await client.query("savepoint ended");
          for (const { table, id } of rested.facts) {
            kinds.add(table ?? "");
            await client.query(`update ${table} set ${ENDINGS[table ?? ""]} where id = $1`, [id]);
          }
          if ((await arm(client, rested)) !== false) {
            stillTrue.push([asker.title, rested.table, rested.arm, rested.facts]);
          }
          await client.query("rollback to savepoint ended");
        }
      }
    });
    expect(unexplained).toEqual([]);
    expect(stillTrue).toEqual([]);
    expect([...kinds].sort()).toEqual(Object.keys(ENDINGS).sort());
  },
  TIMEOUT,
);
