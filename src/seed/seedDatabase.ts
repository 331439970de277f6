import { Client } from "pg";

import { hashPassword } from "../auth/passwordHash.ts";
import type { PreparedDatabase } from "../database/prepareDatabase.ts";
import { DEMO_FLAGS, DEMO_SHARES, makeDemoDealings } from "./demoAccess.ts";
import { DEMO_CLINICS, DEMO_ORGANIZATION_IDS, type DemoRows, inClinic } from "./demoClinics.ts";
import { DEMO_FIGURES } from "./demoFigures.ts";
import { DEMO_PASSWORD, DEMO_PEOPLE, type DemoPersonName, demoUserId } from "./demoPeople.ts";
import { DEMO_PRACTICE, DEMO_SYSTEM_TEMPLATES } from "./demoPractice.ts";
import { DEMO_RECORDS } from "./demoRecords.ts";
import { insertRows, type SeedReport } from "./insertRows.ts";
import { readNewTables } from "./readNewTables.ts";
import { seedVault } from "./seedVault.ts";

export type { SeedReport } from "./insertRows.ts";

/** What an import could have brought, in the order of its foreign keys. */
const IMPORTED: DemoRows = {
  ...DEMO_CLINICS,
  ...DEMO_RECORDS,
  ...DEMO_PRACTICE,
  ...DEMO_FIGURES,
  ...DEMO_SHARES,
  ...DEMO_FLAGS,
};

/**
 * Puts the demo people and something of every table into a database, in one transaction. Rows that are there stay as they
 * are, so a second run changes nothing. Ids and contents are the same in every database, except for what the database
 * makes itself (derived metrics, reports, consents) and what has to be random (the vault's nonces).
 *
 * @throws in production, and where somebody else has a demo person's address or a demo organization's slug.
 */
export async function seedDatabase({ config, urls }: PreparedDatabase): Promise<SeedReport> {
  if (config.environment === "production") {
    throw new Error("Production takes no demo data: everybody knows the demo people's password.");
  }
  const client = new Client({ connectionString: urls.superuser, application_name: "bailiwick seed" });
  await client.connect();
  try {
    await client.query("begin");
    await assertNotTaken(client);
    const users = await insertPeople(client);
    const imported = await importRecords(client);
    const written = [
      await insertRows(client, "app_public", DEMO_SYSTEM_TEMPLATES),
      await insertRows(client, "app_public", makeDemoDealings(new Date())),
      await sellPlan(client),
      await makeReport(client),
      await seedVault(client, new Date()),
    ];
    await client.query("commit");
    return written.reduce(addCounts, { users, ...imported });
  } finally {
    // Without a commit, the end of the connection rolls back.
    await client.end();
  }
}

async function assertNotTaken(client: Client): Promise<void> {
  const { rows } = await client.query<{ taken: string }>(
    `\
select format('the e-mail address %s', u.email) as taken
from app_public.users u
join jsonb_to_recordset($1) as d (id uuid, email text) on d.email = u.email and d.id <> u.id
union all
select format('the slug %s', o.slug)
from app_public.organizations o
join jsonb_to_recordset($2) as d (id uuid, slug text) on d.slug = o.slug and d.id <> o.id`,
    [JSON.stringify(userRows()), JSON.stringify(DEMO_CLINICS.organizations)],
  );
  if (rows.length > 0) {
    const taken = rows.map((row) => row.taken).join(", ");
    throw new Error(`The demo data need ${taken}, which is somebody else's here; seed an empty database.`);
  }
}

function userRows() {
  return Object.entries(DEMO_PEOPLE).map(([name, { email, displayName }]) => ({
    id: demoUserId(name as DemoPersonName),
    email,
    display_name: displayName,
    is_superadmin: name === "admin",
    consent_marketing: name === "pat",
  }));
}

/**
 * The administrator's own connection writes these: no role of the application may make a superadmin or set somebody
 * else's password, and the owner of the tables, under FORCE ROW LEVEL SECURITY, touches no row at all.
 */
async function insertPeople(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `\
with wanted as (
  select * from jsonb_to_recordset($1) as d (id uuid, email text, display_name text, is_superadmin boolean)
),
made as (
  insert into app_public.users (id, email, email_verified_at, is_superadmin)
  select id, email, timestamptz '2026-01-01 00:00:00Z', is_superadmin from wanted
  on conflict (id) do nothing
  returning id
),
with_password as (
  insert into app_private.password_hashes (user_id, password_hash)
  select m.id, $2 from made m
)
select count(*)::int as count from made`,
    [JSON.stringify(userRows()), await hashPassword(DEMO_PASSWORD)],
  );
  const count = rows[0]?.count ?? 0;
  if (count > 0) {
    // In a statement of its own: the profiles were made by a trigger at the end of the one before.
    await client.query(
      `\
update app_public.profiles p
set display_name = d.display_name, consent_pipeda = true, consent_marketing = d.consent_marketing
from jsonb_to_recordset($1) as d (id uuid, display_name text, consent_marketing boolean)
where d.id = p.user_id
and p.display_name = ''`,
      [JSON.stringify(userRows())],
    );
  }
  return count;
}

function addCounts(total: SeedReport, more: SeedReport): SeedReport {
  const sums = Object.entries(more).map(([table, count]) => [table, (total[table] ?? 0) + count] as const);
  return { ...total, ...Object.fromEntries(sums) };
}

/** As an import would: within the policies, without telling anybody of the appointments, and with metrics in the end. */
async function importRecords(client: Client): Promise<SeedReport> {
  await client.query("set local role app_data");
  await client.query("select set_config('app.data_scope', $1, true)", [DEMO_ORGANIZATION_IDS.join(",")]);
  const report = await insertRows(client, "app_public", { ...IMPORTED, ...(await readNewTables()) });
  if (Object.values(report).some((count) => count > 0)) {
    await client.query(
      "select app_hidden.calculate_organization_metrics(o) from unnest($1::uuid[]) as o order by o",
      [DEMO_ORGANIZATION_IDS],
    );
  }
  await client.query("reset role");
  return report;
}

/** Acme Corp pays, Tech Startup stays on the free plan. A subscription that anybody has changed stays as it is. */
async function sellPlan(client: Client): Promise<SeedReport> {
  const { rowCount } = await client.query(
    `\
update app_public.subscriptions
set plan = 'pro', seats = 40, period_start = '2026-01-01 00:00:00Z', period_end = '2028-01-01 00:00:00Z'
where organization_id = $1
and updated_at = created_at`,
    [inClinic("downtown").organization_id],
  );
  return { subscriptions: rowCount ?? 0 };
}

/** Acme Downtown's February, from the metrics as they are now. */
async function makeReport(client: Client): Promise<SeedReport> {
  const { organization_id, clinic_id } = inClinic("downtown");
  const { rowCount } = await client.query(
    `\
select app_public.create_report('month', '2026-02-01', $1::uuid, $2::uuid)
where not exists (
  select from app_public.reports where organization_id = $2 and clinic_id = $1 and starts_on = '2026-02-01'
)`,
    [clinic_id, organization_id],
  );
  return { reports: rowCount ?? 0 };
}
