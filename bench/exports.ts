/**
 * `bin/node bench/exports.ts`: what an export of many rows takes, and what becomes of one whose worker is killed; writes the
 * figures into docs/exports.md, between the markers.
 *
 *   bin/node bench/exports.ts --rows 1000000   appointments of the largest export (this by default); a multiple of 1,000
 */
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import pg from "pg";
import { pino } from "pino";

import { createWorld, type World } from "../src/access/world/world.ts";
import type { OpenDatabase } from "../src/database/openDatabase.ts";
import { openThrowAwayDatabase } from "../src/database/throwAway/openThrowAwayDatabase.ts";
import { withTenant } from "../src/database/withTenant.ts";
import { describeFailure } from "../src/describeFailure.ts";
import { heldMemory, TELLS_MEMORY } from "../test/support/heldMemory.ts";
import { ServeProcess } from "../test/support/ServeProcess.ts";
import { type ExportFigures, exportsPage, type Run } from "./exportsPage.ts";

const PAGE = join(import.meta.dirname, "../docs/exports.md");
/** Of the clinic, so that a filter by days takes so many thousands. */
const A_DAY = 1000;
const FIRST_DAY = "2040-01-01";
const PATIENTS = 100_000;
/** Shares of an export after which it is asked what the worker holds. */
const HELD_AT = [0.1, 0.5, 0.9];

/** As superuser, without triggers and without the index by which nobody is booked twice: the data are not what is measured. */
const FILL = `\
set session_replication_role to replica;
alter table app_public.patients disable trigger _500_audit_insert;
alter table app_public.appointments disable trigger _500_audit_insert;
alter table app_public.appointments drop constraint appointments_no_overlap;
create temporary table patient as
  select n as number, app_hidden.uuid_v7() as id from generate_series(0, ${PATIENTS - 1}) n;
insert into app_public.patients (id, organization_id, home_clinic_id, mrn, given_name, family_name, birth_date)
  select id, $ORGANIZATION, $CLINIC, 'E-' || number, 'Given', 'Family', '1990-01-01' from patient;
analyze patient;
insert into app_public.appointments (organization_id, clinic_id, patient_id, provider_id, during, status, kind, reason)
select $ORGANIZATION, $CLINIC, p.id, $PROVIDER, tstzrange(t.at, t.at + interval '1 minute'), 'booked', 'consultation',
  'A check-up, as last year'
from patient p
cross join generate_series(0, ($ROWS - 1) / ${PATIENTS}) round
cross join lateral (
  select n, timestamp '${FIRST_DAY}' at time zone 'UTC' + (n / ${A_DAY}) * interval '1 day'
    + (n % ${A_DAY}) * interval '1 minute' as at
  from (select round * ${PATIENTS} + p.number as n) numbered
) t
where t.n < $ROWS;
alter table app_public.patients enable always trigger _500_audit_insert;
alter table app_public.appointments enable always trigger _500_audit_insert;
reset session_replication_role;
vacuum analyze app_public.patients, app_public.appointments`;

interface Bench {
  database: OpenDatabase;
  superuser: pg.Pool;
  gateway: pg.Pool;
  world: World;
  folder: string;
}

/** What the database says of an export. */
interface Record {
  status: string;
  row_count: number | null;
  byte_count: string | null;
  content_sha256: string | null;
}

async function fill({ superuser, world: { own, here } }: Bench, rows: number): Promise<void> {
  await superuser.query("update app_public.clinics set timezone = 'UTC' where id = $1", [here.clinic.id]);
  const values = { ORGANIZATION: own, CLINIC: here.clinic.id, PROVIDER: here.provider.userId };
  const client = await superuser.connect();
  try {
    for (const statement of FILL.split(";\n")) {
      const sql = Object.entries(values).reduce(
        (text, [name, id]) => text.replaceAll(`$${name}`, `'${id}'::uuid`),
        statement.replaceAll("$ROWS", String(rows)),
      );
      await client.query(sql);
    }
  } finally {
    client.release();
  }
}

function ask({ gateway, world }: Bench, rows: number): Promise<string> {
  return asProvider({ gateway, world }, async (client) => {
    const { rows: made } = await client.query<{ id: string }>(
      `select (app_public.request_export(
         'appointments', 'ndjson', row('${FIRST_DAY}', date '${FIRST_DAY}' + $1::int, null)::app_public.export_filter, $2
       )).id`,
      [rows / A_DAY - 1, world.here.clinic.id],
    );
    return made[0]?.id ?? "";
  });
}

function asProvider<T>(
  { gateway, world }: Pick<Bench, "gateway" | "world">,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const { userId, sessionId } = world.here.provider;
  return withTenant(gateway, { organizationId: world.own, userId, sessionId }, work);
}

async function recordOf({ superuser }: Bench, exportId: string): Promise<Record> {
  const { rows } = await superuser.query<Record>(
    "select status, row_count, byte_count, content_sha256 from app_public.export_requests where id = $1",
    [exportId],
  );
  if (!rows[0]) {
    throw new Error("The export is gone.");
  }
  return rows[0];
}

async function waitFor(
  bench: Bench,
  exportId: string,
  isThere: (record: Record) => boolean,
): Promise<Record> {
  for (;;) {
    const record = await recordOf(bench, exportId);
    if (isThere(record)) {
      return record;
    }
    if (record.status === "failed") {
      throw new Error("The export failed.");
    }
    await sleep(20);
  }
}

/** A worker of its own process, as production runs it. */
async function startWorker({ database: { config, urls }, folder }: Bench): Promise<ServeProcess> {
  const env = {
    EXPORT_FOLDER: folder,
    WORKER_SILENCE: "2000",
    ROLE_SECRET: config.database.roleSecret ?? "",
    ...TELLS_MEMORY,
  };
  const worker = new ServeProcess(config, urls.worker, env, "src/worker.ts");
  await worker.says("The worker works");
  return worker;
}

/** Bytes. */
function peakMemory({ pid }: ServeProcess): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

async function measure(bench: Bench, rows: number): Promise<Run & { sha256: string }> {
  const worker = await startWorker(bench);
  try {
    const exportId = await ask(bench, rows);
    const started = performance.now();
    const held = [];
    for (const share of HELD_AT) {
      await waitFor(
        bench,
        exportId,
        ({ row_count, status }) => status === "ready" || (row_count ?? 0) >= rows * share,
      );
      held.push((await heldMemory(worker)).held);
    }
    const { row_count, byte_count, content_sha256 } = await waitFor(
      bench,
      exportId,
      ({ status }) => status === "ready",
    );
    const seconds = (performance.now() - started) / 1000;
    if (row_count !== rows) {
      throw new Error(`The export has ${row_count} rows instead of ${rows}.`);
    }
    return {
      rows,
      seconds,
      bytes: Number(byte_count),
      held,
      peakMemory: peakMemory(worker),
      sha256: content_sha256 ?? "",
    };
  } finally {
    await worker.stop();
  }
}

/** Kills the worker when it has written about a third; another one begins anew. */
async function measureKill(bench: Bench, rows: number, sha256: string): Promise<ExportFigures["kill"]> {
  const exportId = await ask(bench, rows);
  const victim = await startWorker(bench);
  const { row_count: killedAt } = await waitFor(
    bench,
    exportId,
    ({ row_count }) => (row_count ?? 0) > rows / 3,
  );
  await victim.stop("SIGKILL");
  const killed = performance.now();
  if ((await recordOf(bench, exportId)).status !== "running") {
    throw new Error("The export was done before its worker could be killed: ask for more --rows.");
  }
  const worker = await startWorker(bench);
  try {
    const record = await waitFor(bench, exportId, ({ status }) => status === "ready");
    const seconds = (performance.now() - killed) / 1000;
    const file = readdirSync(bench.folder).find((name) => name === `${exportId}-${record.content_sha256}`);
    if (file === undefined || record.content_sha256 !== sha256) {
      throw new Error("The export that was begun anew is not the one that was not interrupted.");
    }
    return { killedAt: killedAt ?? 0, seconds, isSame: await isSeen(bench, join(bench.folder, file), rows) };
  } finally {
    await worker.stop();
  }
}

/** Whether the file has exactly the rows that the requester's own role reads, by their ids and their number. */
async function isSeen(bench: Bench, path: string, rows: number): Promise<boolean> {
  const written = createHash("sha256");
  for await (const line of createInterface({ input: createReadStream(path) })) {
    written.update((JSON.parse(line) as { id: string }).id);
  }
  const seen = createHash("sha256");
  await asProvider(bench, async (client) => {
    await client.query("set local statement_timeout = 0");
    await client.query(
      "declare seen cursor for select a.id from app_public.appointments a where a.clinic_id = $1 and a.starts_at >= $2 and a.starts_at < $2::timestamptz + $3 * interval '1 day' order by a.starts_at, a.id",
      [bench.world.here.clinic.id, `${FIRST_DAY}T00:00:00Z`, rows / A_DAY],
    );
    for (;;) {
      const { rows: batch } = await client.query<{ id: string }>("fetch 10000 from seen");
      batch.forEach(({ id }) => seen.update(id));
      if (batch.length === 0) {
        return;
      }
    }
  });
  return written.digest("hex") === seen.digest("hex");
}

function readRows(): number {
  const { values } = parseArgs({ options: { rows: { type: "string", default: "1000000" } } });
  const rows = Number(values.rows);
  if (!Number.isInteger(rows) || rows < A_DAY || rows > 10_000_000 || rows % A_DAY !== 0) {
    throw new Error(`--rows must be a multiple of ${A_DAY} from ${A_DAY} to 10000000; got '${values.rows}'.`);
  }
  return rows;
}

async function main(): Promise<void> {
  const rows = readRows();
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-bench-exports-"));
  const database = await openThrowAwayDatabase(pino({ level: "silent" }));
  const superuser = new pg.Pool({ connectionString: database.urls.superuser, max: 2 });
  const gateway = new pg.Pool({ connectionString: database.urls.gateway, max: 2 });
  try {
    const bench = { database, superuser, gateway, folder, world: await createWorld(superuser) };
    await superuser.query("delete from graphile_worker._private_jobs");
    console.log(`Filling in ${rows} appointments …`);
    await fill(bench, rows);
    const runs = [];
    for (const size of [...new Set([10_000, 100_000, rows].filter((each) => each <= rows))]) {
      console.log(`Exporting ${size} …`);
      runs.push(await measure(bench, size));
    }
    console.log("Killing a worker …");
    const kill = await measureKill(bench, rows, runs.at(-1)?.sha256 ?? "");
    const figures: ExportFigures = {
      runs,
      kill,
      processor: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
      load: loadavg()[0] ?? 0,
      day: new Date().toISOString().slice(0, 10),
    };
    writeFileSync(PAGE, exportsPage(readFileSync(PAGE, "utf8"), figures));
    console.log(JSON.stringify(figures, null, 2));
  } finally {
    await Promise.all([superuser.end(), gateway.end()]);
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main().catch((error: unknown) => {
  console.error(`bench/exports: ${describeFailure(error)}`);
  process.exitCode = 2;
});
