import { Client } from "pg";

import type { PreparedDatabase } from "../database/prepareDatabase.ts";
import { DEMO_CLINICS, DEMO_ORGANIZATION_IDS, type DemoRows } from "./demoClinics.ts";
import { DEMO_PASSWORD, DEMO_PEOPLE, type DemoPersonName, demoUserId } from "./demoPeople.ts";
import { DEMO_RECORDS } from "./demoRecords.ts";

/** Table → how many rows are new. */
export type SeedReport = Record<string, number>;

/**
 * Puts the demo people, clinics and patients into a database, in one transaction. Rows that are there stay as they are, so
 * a second run changes nothing.
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
    const records = await insertRecords(client, { ...DEMO_CLINICS, ...DEMO_RECORDS });
    await client.query("commit");
    return { users, ...records };
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
  select m.id, extensions.crypt($2, extensions.gen_salt('bf', 10)) from made m
)
select count(*)::int as count from made`,
    [JSON.stringify(userRows()), DEMO_PASSWORD],
  );
  const count = rows[0]?.count ?? 0;
  if (count > 0) {
    // In a statement of its own: the profiles were made by a trigger at the end of the one before.
    await client.query(
      `\
update app_public.profiles p
set display_name = d.display_name
from jsonb_to_recordset($1) as d (id uuid, display_name text)
where d.id = p.user_id
and p.display_name = ''`,
      [JSON.stringify(userRows())],
    );
  }
  return count;
}

/** As an import would: within the policies, and without telling anybody of the appointments. */
async function insertRecords(client: Client, tables: DemoRows): Promise<SeedReport> {
  await client.query("set local role app_data");
  await client.query("select set_config('app.data_scope', $1, true)", [DEMO_ORGANIZATION_IDS.join(",")]);
  const report: SeedReport = {};
  for (const [table, rows] of Object.entries(tables)) {
    const columns = Object.keys(rows[0] ?? {}).join(", ");
    const { rowCount } = await client.query(
      `\
insert into app_public.${table} (${columns})
select ${columns} from jsonb_populate_recordset(null::app_public.${table}, $1)
on conflict do nothing`,
      [JSON.stringify(rows)],
    );
    report[table] = rowCount ?? 0;
  }
  await client.query("reset role");
  return report;
}
