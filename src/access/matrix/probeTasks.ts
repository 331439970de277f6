import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Job, JobHelpers, Task } from "graphile-worker";
import type { Client, ClientBase } from "pg";

import { makeCredentialBoxes } from "../../integrations/credentials.ts";
import { loadTasks, type TaskServices } from "../../jobs/taskServices.ts";
import type { FullWorld } from "../world/fullWorld.ts";
import type { MatrixLine } from "./matrixLine.ts";
import { TASK_PROBES } from "./taskProbes.ts";

/** Fingerprints of rows, by table and organization. */
type Snapshot = ReadonlyMap<string, ReadonlySet<string>>;

const KEY_BYTES = 32;

/** Who tries it in the name of the organization that the rows do not belong to. */
const ABROAD = "worker, handed to another organization's job";

/** Every base table with the column that says whose a row is; jobs of the queue say it in their payload. */
const TENANT_TABLES = `
select c.oid::regclass::text as name, coalesce(
  (
    select format('t.%I::text', a.attname)
    from pg_attribute a
    where a.attrelid = c.oid
    and a.attname = case c.relname when 'organizations' then 'id' else 'organization_id' end
  ),
  case when c.relname = '_private_jobs' then 't.payload ->> ''organizationId''' else 'null' end
) as owner
from pg_class c
where c.relkind in ('r', 'p') and not c.relispartition
and (c.relnamespace::regnamespace::text like 'app\\_%' or c.oid = to_regclass('graphile_worker._private_jobs'))
order by name`;

/**
 * Runs each task of the worker as the worker, for one organization, handed another's rows, and with the same rows in another
 * organization's job, and says whose rows of which tables it has written.
 *
 * @param client a superuser's, inside of a transaction: the task runs as `app_worker` in it, login and role, and
 * afterwards somebody has to look whom row security does not hold.
 */
export async function probeTasks(
  client: Client,
  world: FullWorld,
): Promise<{ lines: MatrixLine[]; gaps: string[] }> {
  const exportFolder = await mkdtemp(join(tmpdir(), "bailiwick-matrix-"));
  try {
    return await probeEach(client, world, Object.entries(await loadTasks(servicesIn(exportFolder))));
  } finally {
    await rm(exportFolder, { recursive: true });
  }
}

/** Of the world outside of the database, a folder that goes again is touched, and nothing else. */
function servicesIn(exportFolder: string): TaskServices {
  const mail = { send: async () => undefined, close: () => undefined };
  const credentials = makeCredentialBoxes(Buffer.alloc(KEY_BYTES).toString("base64"));
  const outbound = { webhookNetworks: [], googleApiUrl: null };
  return { mail, appUrl: "http://localhost", exportFolder, credentials, outbound };
}

async function probeEach(client: Client, world: FullWorld, tasks: [string, Task][]) {
  const lines: MatrixLine[] = [];
  const gaps: string[] = [];
  for (const [name, run] of tasks.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const probe = TASK_PROBES[name]?.(world);
    if (probe === undefined) {
      gaps.push(`task ${name}: it has no probe (src/access/matrix/taskProbes.ts)`);
      continue;
    }
    const tries = [
      ["worker", probe.own],
      ["worker, handed another's rows", probe.handed],
      [ABROAD, ofOtherOrganization(probe.own, world)],
    ] as const;
    for (const [who, payload] of tries) {
      if (payload !== undefined) {
        lines.push(...(await probeTask(client, world, { name, run, who, payload, prepare: probe.prepare })));
      }
    }
    if (
      probe.changesNoRow === undefined &&
      lines.some(
        ({ table, who, outcome }) => table === `task ${name}` && who === "worker" && outcome === "none",
      )
    ) {
      gaps.push(`task ${name}: for its own organization it did nothing (src/access/matrix/taskProbes.ts)`);
    }
    const crossings = lines.filter(
      ({ table, who, relation }) =>
        table === `task ${name}` && who === ABROAD && relation.endsWith(" of own organization"),
    );
    gaps.push(
      ...crossings.map(({ relation }) => `task ${name}: a job of another organization writes ${relation}`),
    );
  }
  return { lines, gaps };
}

/** The same payload in a job of another organization; undefined for a job of the system. */
function ofOtherOrganization(payload: unknown, { own, foreign }: FullWorld): unknown {
  const isTenants =
    typeof payload === "object" &&
    payload !== null &&
    "organizationId" in payload &&
    payload.organizationId === own;
  return isTenants ? { ...payload, organizationId: foreign } : undefined;
}

interface TaskTry {
  name: string;
  run: Task;
  who: string;
  payload: unknown;
  prepare: string | undefined;
}

async function probeTask(client: Client, world: FullWorld, { name, run, who, payload, prepare }: TaskTry) {
  const line = (command: string, relation: string, outcome: string): MatrixLine => ({
    table: `task ${name}`,
    command,
    relation,
    who,
    outcome,
  });
  await client.query("savepoint tried");
  if (prepare !== undefined) {
    await client.query(prepare);
  }
  const job = await takeJob(client, name, payload);
  const before = await takeSnapshot(client, world);
  await client.query("set local session authorization app_worker");
  await run(payload, helpersOn(client, job));
  await client.query("reset session authorization");
  const after = await takeSnapshot(client, world);
  const places = new Set([...before.keys(), ...after.keys()]);
  const changes = [...places].flatMap((place) => {
    const changed = countMissing(after.get(place), before.get(place));
    const removed = countMissing(before.get(place), after.get(place)) - changed;
    return [
      ...(changed > 0 ? [line("write", place, `${changed} rows`)] : []),
      ...(removed > 0 ? [line("write", place, `${removed} removed rows`)] : []),
    ];
  });
  await client.query("rollback to savepoint tried");
  return changes.length > 0 ? changes : [line("write", "any", "none")];
}

/** How many of `rows` are not among `others`. */
function countMissing(
  rows: ReadonlySet<string> = new Set(),
  others: ReadonlySet<string> = new Set(),
): number {
  return [...rows].filter((row) => !others.has(row)).length;
}

async function takeSnapshot(client: Client, { own, foreign }: FullWorld): Promise<Snapshot> {
  const { rows: tables } = await client.query<{ name: string; owner: string }>(TENANT_TABLES);
  const queries = tables.map(
    ({ name, owner }) => `select '${name}' as name, ${owner} as owner, md5(t::text) as row from ${name} t`,
  );
  const { rows } = await client.query<{ name: string; owner: string | null; row: string }>(
    queries.join(" union all "),
  );
  const owners = new Map([
    [own, "own organization"],
    [foreign, "other organization"],
  ]);
  const places = Map.groupBy(
    rows,
    ({ name, owner }) =>
      `${name} of ${owner === null ? "nobody" : (owners.get(owner) ?? "another organization")}`,
  );
  const sorted = [...places].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([place, ofPlace]) => [place, new Set(ofPlace.map(({ row }) => row))]));
}

/** A job as the worker that is at it has it: locked, at its first attempt. */
async function takeJob(client: Client, task: string, payload: unknown): Promise<Job> {
  const added = await client.query<{ id: string }>("select id from graphile_worker.add_job($1, $2::json)", [
    task,
    JSON.stringify(payload),
  ]);
  const { rows } = await client.query<Job>(
    `update graphile_worker._private_jobs set locked_by = 'probe', locked_at = now(), attempts = 1
     where id = $1 returning *, $2::text as task_identifier`,
    [added.rows[0]?.id, task],
  );
  if (!rows[0]) {
    throw new Error(`The job of task '${task}' that was added must be in the queue; it is not.`);
  }
  return rows[0];
}

/** What a task uses of the worker: its transactions become parts of the one that is rolled back. */
function helpersOn(client: Client, job: Job): JobHelpers {
  const parts = new Map([
    ["begin", "savepoint part"],
    ["commit", "release savepoint part"],
    ["rollback", "rollback to savepoint part"],
  ]);
  const query = (text: string, values?: unknown[]) => client.query(parts.get(text) ?? text, values);
  const silent = () => undefined;
  const helpers = {
    job,
    abortSignal: new AbortController().signal,
    query,
    withPgClient: (work: (inner: ClientBase) => Promise<unknown>) => work({ query } as unknown as ClientBase),
    logger: { debug: silent, info: silent, warn: silent, error: silent },
  };
  return helpers as unknown as JobHelpers;
}
