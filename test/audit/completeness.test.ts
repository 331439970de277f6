import { beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import { type Clinic, createClinic, createOrganization } from "../../src/access/world/people.ts";
import type { AuditProblem } from "../../src/audit/verifyAudit.ts";
import { useTestDatabase } from "../support/database.ts";
import { useEvidence } from "./evidence.ts";

const WRITERS = 8;
/** Statements of each writer, which write ten rows each. */
const STATEMENTS = 160;
const ROWS = 10;

const db = useTestDatabase();
const evidence = useEvidence(db);
const clinics: Clinic[] = [];

beforeAll(async () => {
  for (let count = 0; count < 3; count++) {
    clinics.push(await createClinic(db.superuser, await createOrganization(db.superuser, `Acme ${count}`)));
  }
});

/** One writer: commits, rolls back, fails halfway or loses its connection, by the number of the statement. */
async function write(writer: number): Promise<number> {
  let committed = 0;
  let client = await connect();
  for (let statement = 0; statement < STATEMENTS; statement++) {
    const { id, organizationId } = clinics[(writer + statement) % clinics.length] as Clinic;
    const how = (writer * 7 + statement) % 10;
    await client.query("begin");
    const written = await client
      .query(
        `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date)
       select $1, $2, format('%s-%s-%s', $3::text, $4::text, n), 'G', 'F', '1990-01-01' from generate_series(1, ${ROWS}) as n`,
        [organizationId, id, writer, statement],
      )
      .then(() => true, isDeadlock);
    if (!written || how === 3) {
      await client.query("rollback");
    } else if (how === 5) {
      await expect(client.query("select 1 / 0")).rejects.toThrow();
      await client.query("rollback");
    } else if (how === 7) {
      await kill(client);
      client = await connect();
    } else {
      await client.query("commit");
      committed += ROWS;
    }
  }
  await client.end();
  return committed;
}

function isDeadlock(error: { code?: string }): false {
  expect(error.code).toBe("40P01");
  return false;
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: db.urls.superuser });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function kill(client: pg.Client): Promise<void> {
  const ended = new Promise((resolve) => client.once("end", resolve));
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  await db.superuser.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
  await ended;
}

/** Two transactions that wait for each other; one of them is rolled back by Postgres. */
async function deadlock(): Promise<void> {
  const [a, b] = await Promise.all([connect(), connect()]);
  const [first, second] = clinics.map(({ id }) => id);
  const rename = (client: pg.Client, id: string | undefined) =>
    client.query("update app_public.clinics set name = name || '.' where id = $1", [id]);
  await Promise.all([a.query("begin"), b.query("begin")]);
  await rename(a, first);
  await rename(b, second);
  const [one, other] = await Promise.allSettled([rename(a, second), rename(b, first)]);
  expect([one.status, other.status].sort()).toEqual(["fulfilled", "rejected"]);
  await Promise.all([a.query("commit"), b.query("commit")]);
  await Promise.all([a.end(), b.end()]);
}

describe("while writers commit, roll back, deadlock and are killed", () => {
  it("each committed row has its event, no other has one, and nothing sealed meanwhile looks tampered with", async () => {
    let isWriting = true;
    const sealing = (async () => {
      const problems: (AuditProblem | null)[] = [];
      while (isWriting) {
        await evidence.seal();
        problems.push((await evidence.verify()).problem);
      }
      return problems.filter((problem) => problem !== null);
    })();
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
    const committed = (await Promise.all([...writers, deadlock().then(() => 0)])).reduce((sum, n) => sum + n);
    isWriting = false;
    expect(await sealing).toEqual([]);

    const { rows } = await db.superuser.query<Record<string, number>>(
      `select
         (select count(*)::int from app_public.patients) as patients,
         (select count(*)::int from app_audit.events where table_name = 'app_public.patients') as events,
         (select count(*)::int from app_public.patients p
          where not exists (select from app_audit.events e where e.row_id = p.id)) as missing,
         (select count(*)::int from app_audit.events e where e.table_name = 'app_public.patients'
          and not exists (select from app_public.patients p where p.id = e.row_id)) as extra`,
    );
    expect(rows).toEqual([{ patients: committed, events: committed, missing: 0, extra: 0 }]);
    expect(committed).toBeGreaterThan(5000);

    await evidence.sealEverything();
    expect(await evidence.verify()).toMatchObject({ problem: null, unsealed: { count: 0 } });
  }, 120_000);
});
