import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import pg from "pg";

import { type Clinic, createClinic, createOrganization } from "../../../src/access/world/people.ts";

/** What the trail says of the rows that are there. */
export interface Completeness {
  /** Rows whose commit somebody was told of. */
  told: number;
  rows: number;
  events: number;
  /** Rows without an event. */
  missing: number;
  /** Events without a row. */
  extra: number;
}

const WRITERS = 8;
/** Of each statement. */
const ROWS = 10;
/** Transactions after which the process that writes beside the others is killed. */
const KILLED_AFTER = 20;
const KILLED_WRITER = new URL("killedWriter.ts", import.meta.url).pathname;

/**
 * Eight writers of patients that commit, roll back, fail halfway and lose their connection, two transactions that deadlock, and
 * a process that is killed (SIGKILL) while it writes.
 *
 * @param superuser connections to a database whose organizations have no patients yet.
 * @param statements of each writer, of ten rows; about three quarters are committed.
 */
export async function writeInterrupted(
  superuser: pg.Pool,
  url: string,
  statements: number,
): Promise<Completeness> {
  const clinics: Clinic[] = [];
  for (let count = 0; count < 3; count++) {
    clinics.push(await createClinic(superuser, await createOrganization(superuser, `Acme ${count}`)));
  }
  const writers = Array.from({ length: WRITERS }, (_, writer) =>
    write({ superuser, url, clinics, statements }, writer),
  );
  const told = await Promise.all([
    ...writers,
    writeUntilKilled(url, clinics[0] as Clinic),
    deadlock(url, clinics),
  ]);
  const { rows } = await superuser.query<Omit<Completeness, "told">>(
    `with ours as (select p.id from app_public.patients p where p.organization_id = any ($1)),
       events as (
         select e.row_id from app_audit.events e
         where e.table_name = 'app_public.patients' and e.command = 'INSERT' and e.organization_id = any ($1)
       )
     select (select count(*)::int from ours) as rows, (select count(*)::int from events) as events,
       (select count(*)::int from (select id from ours except select row_id from events) as m) as missing,
       (select count(*)::int from (select row_id from events except select id from ours) as x) as extra`,
    [clinics.map(({ organizationId }) => organizationId)],
  );
  return { ...(rows[0] as Omit<Completeness, "told">), told: told.reduce((sum, number) => sum + number, 0) };
}

interface Writing {
  superuser: pg.Pool;
  url: string;
  clinics: readonly Clinic[];
  statements: number;
}

/** One writer; what becomes of a transaction follows from its number. @returns rows that it knows to be committed. */
async function write({ superuser, url, clinics, statements }: Writing, writer: number): Promise<number> {
  let committed = 0;
  let client = await connect(url);
  for (let statement = 0; statement < statements; statement++) {
    const { id, organizationId } = clinics[(writer + statement) % clinics.length] as Clinic;
    const how = (writer * 7 + statement) % 10;
    await client.query("begin");
    const isWritten = await client
      .query(
        `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date)
         select $1, $2, format('%s-%s-%s', $3::text, $4::text, n), 'G', 'F', '1990-01-01'
         from generate_series(1, ${ROWS}) as n`,
        [organizationId, id, writer, statement],
      )
      .then(() => true, isDeadlock);
    if (!isWritten || how === 3) {
      await client.query("rollback");
    } else if (how === 5) {
      await client.query("select 1 / 0").catch(() => undefined);
      await client.query("commit");
    } else if (how === 7) {
      await kill(superuser, client);
      client = await connect(url);
    } else {
      await client.query("commit");
      committed += ROWS;
    }
  }
  await client.end();
  return committed;
}

function isDeadlock(error: { code?: string }): false {
  if (error.code !== "40P01") {
    throw error;
  }
  return false;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function kill(superuser: pg.Pool, client: pg.Client): Promise<void> {
  const ended = new Promise((resolve) => client.once("end", resolve));
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  await superuser.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
  await ended;
}

/** @returns at least so many rows are committed: one more transaction may be, of which nobody was told. */
async function writeUntilKilled(url: string, { id, organizationId }: Clinic): Promise<number> {
  const child = spawn(process.execPath, [KILLED_WRITER, url, organizationId, id], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let told = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    told = Number(line);
    if (told === KILLED_AFTER) {
      child.kill("SIGKILL");
    }
  }
  return told * ROWS;
}

/** Two transactions that wait for each other; Postgres rolls one of them back. */
async function deadlock(url: string, clinics: readonly Clinic[]): Promise<0> {
  const [a, b] = await Promise.all([connect(url), connect(url)]);
  const [first, second] = clinics.map(({ id }) => id);
  const rename = (client: pg.Client, id: string | undefined) =>
    client.query("update app_public.clinics set name = name || '.' where id = $1", [id]);
  await Promise.all([a.query("begin"), b.query("begin")]);
  await rename(a, first);
  await rename(b, second);
  const outcomes = await Promise.allSettled([rename(a, second), rename(b, first)]);
  if (outcomes.filter(({ status }) => status === "rejected").length !== 1) {
    throw new Error("The two transactions did not deadlock.");
  }
  await Promise.all([a.query("commit"), b.query("commit")]);
  await Promise.all([a.end(), b.end()]);
  return 0;
}
