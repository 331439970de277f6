/**
 * `npm run bench:audit`: what the audit costs, as ratios of one run, and how fast it is sealed and verified; writes
 * docs/audit-costs.md. Rounds with and without the audit take turns, so that what else the machine does hits both alike.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import pg from "pg";
import { pino } from "pino";
import { format, resolveConfig } from "prettier";

import { createClinic, createOrganization, createPatient } from "../src/access/world/people.ts";
import { createSigningKey, readPublicKeys, readSigningKey, trustedKeys } from "../src/audit/signingKeys.ts";
import { sealAll } from "../src/audit/startSealer.ts";
import { verifyAudit } from "../src/audit/verifyAudit.ts";
import { openThrowAwayDatabase } from "../src/database/throwAway/openThrowAwayDatabase.ts";
import { describeFailure } from "../src/describeFailure.ts";
import { median } from "./measure/median.ts";

const USAGE = `npm run bench:audit -- [options]

Measures what the audit costs with and without it in turn, how fast it is sealed and verified, and writes docs/audit-costs.md.

  --seconds N   of a round (5)
  --rounds N    pairs of rounds; medians count (3)
  --help        this text`;

const PAGE = join(import.meta.dirname, "../docs/audit-costs.md");
const TENANTS = 200;
/** Of each tenant, so that writers seldom wait for each other's row. */
const PATIENTS = 48;
const CASES = [
  { writers: 1, tenants: 1 },
  { writers: 1, tenants: TENANTS },
  { writers: 48, tenants: 1 },
  { writers: 48, tenants: TENANTS },
] as const;

interface Load {
  seconds: number;
  rounds: number;
}
interface CaseFigures {
  writers: number;
  tenants: number;
  /** Transactions a second. */
  without: number;
  with: number;
}

/** The patients of each tenant. */
async function makeTenants(pool: pg.Pool): Promise<string[][]> {
  const tenants: string[][] = [];
  for (let tenant = 0; tenant < TENANTS; tenant++) {
    const clinic = await createClinic(pool, await createOrganization(pool, `Tenant ${tenant}`));
    const first = await createPatient(pool, clinic);
    const { rows } = await pool.query<{ id: string }>(
      `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date)
       select $1, $2, 'B-' || n, 'G', 'F', '1990-01-01' from generate_series(2, ${PATIENTS}) as n
       returning id`,
      [clinic.organizationId, clinic.id],
    );
    tenants.push([first.id, ...rows.map(({ id }) => id)]);
  }
  return tenants;
}

async function switchAudit(pool: pg.Pool, isOn: boolean): Promise<void> {
  for (const command of ["insert", "update", "delete"]) {
    const state = isOn ? "enable always" : "disable";
    await pool.query(`alter table app_public.patients ${state} trigger _500_audit_${command}`);
  }
}

/** One round: each writer changes one patient a transaction. @returns transactions a second. */
async function write(
  pool: pg.Pool,
  tenants: readonly string[][],
  { writers, seconds }: { writers: number; seconds: number },
): Promise<number> {
  const end = performance.now() + seconds * 1000;
  const started = performance.now();
  const counts = await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      let count = 0;
      while (performance.now() < end) {
        const tenant = tenants[(writer + count * writers) % tenants.length] ?? [];
        const values = [tenant[writer % tenant.length], `City ${count}`];
        await pool.query("update app_public.patients set city = $2 where id = $1", values);
        count++;
      }
      return count;
    }),
  );
  const total = counts.reduce((sum, count) => sum + count, 0);
  return (total * 1000) / (performance.now() - started);
}

async function measureCase(
  pool: pg.Pool,
  tenants: readonly string[][],
  load: Load & { writers: number },
): Promise<{ without: number; with: number }> {
  const figures = { without: [] as number[], with: [] as number[] };
  for (let round = 0; round < load.rounds; round++) {
    for (const kind of ["without", "with"] as const) {
      await switchAudit(pool, kind === "with");
      figures[kind].push(await write(pool, tenants, load));
    }
  }
  return { without: median(figures.without), with: median(figures.with) };
}

/** Seals all that was written, and verifies it. */
async function measureSealing(url: string): Promise<{ events: number; sealed: number; verified: number }> {
  const folder = mkdtempSync(join(tmpdir(), "bailiwick-bench-"));
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  try {
    createSigningKey(join(folder, "keys"));
    const key = readSigningKey(join(folder, "keys"));
    if (!key) {
      throw new Error("There is no key.");
    }
    const started = performance.now();
    await sealAll(pool, key, join(folder, "anchors.jsonl"));
    const sealed = performance.now();
    const client = await pool.connect();
    const keys = trustedKeys(readPublicKeys(join(folder, "keys")));
    const { events, problem } = await verifyAudit(client, { keys }).finally(() => client.release());
    if (problem) {
      throw new Error(problem.message);
    }
    const verified = performance.now();
    return {
      events,
      sealed: (events * 1000) / (sealed - started),
      verified: (events * 1000) / (verified - sealed),
    };
  } finally {
    await pool.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function page(
  cases: readonly CaseFigures[],
  sealing: { events: number; sealed: number; verified: number },
  { load, version }: { load: Load; version: string },
): Promise<string> {
  const whole = (value: number) => Math.round(value).toLocaleString("en");
  const line = (figures: CaseFigures) =>
    `| ${figures.writers} | ${figures.tenants} | ${whole(figures.without)} | ${whole(figures.with)} | ${(figures.with / figures.without).toFixed(2)} |`;
  const text = `<!-- GENERATED by \`npm run bench:audit\`; do not edit -->

# What the audit costs

Measured on ${new Date().toISOString().slice(0, 10)} on ${cpus().length} × ${cpus()[0]?.model}, Postgres ${version}, Node ${process.versions.node}; database and
writers on the same machine, which was as busy as its load (${loadavg()[0]?.toFixed(1)}) says. Rounds of ${load.seconds} s with and without the audit took turns, ${load.rounds} of each; the medians.

## Writing

One transaction changes one patient. *Without* means that the audit's triggers on the table are off. The database is a throw-away one, which waits for no disk (\`fsync\` off): on one that does,
a transaction takes longer with and without the audit, and the ratios are nearer to 1.

| writers | tenants | without (transactions/s) | with | ratio |
| ---: | ---: | ---: | ---: | ---: |
${cases.map(line).join("\n")}

No event waits for another one: no chain is continued when it is written, so that one tenant with all the load pays no more than
200 tenants do.

## Sealing and verifying

${whole(sealing.events)} events were sealed at ${whole(sealing.sealed)} a second by one sealer, and verified at ${whole(sealing.verified)} a second.
`;
  return format(text, { ...(await resolveConfig(PAGE)), filepath: PAGE });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "3" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const load = { seconds: Number(values.seconds), rounds: Number(values.rounds) };
  if (!(load.seconds > 0) || !Number.isInteger(load.rounds) || load.rounds < 1) {
    throw new Error("--seconds and --rounds must be above 0.");
  }
  const database = await openThrowAwayDatabase(pino({ level: "silent" }));
  const pool = new pg.Pool({ connectionString: database.urls.superuser, max: 48 });
  try {
    const tenants = await makeTenants(pool);
    const cases: CaseFigures[] = [];
    for (const { writers, tenants: count } of CASES) {
      const figures = await measureCase(pool, tenants.slice(0, count), { ...load, writers });
      cases.push({ writers, tenants: count, ...figures });
      console.log(`${writers} writers, ${count} tenants: ${(figures.with / figures.without).toFixed(2)}`);
    }
    const { rows } = await pool.query<{ version: string }>(
      "select current_setting('server_version') as version",
    );
    const sealing = await measureSealing(database.urls.sealer);
    const version = rows[0]?.version ?? "";
    writeFileSync(PAGE, await page(cases, sealing, { load, version }));
    console.log(`Wrote ${PAGE}.`);
  } finally {
    await pool.end();
    await database.close();
  }
}

await main().catch((error: unknown) => {
  console.error(`bench:audit: ${describeFailure(error)}`);
  process.exitCode = 2;
});
