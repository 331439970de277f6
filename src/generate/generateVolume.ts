import { Client } from "pg";

import type { DatabaseUrls } from "../database/databaseUrls.ts";
import { DECLARE_SCOPE, INSERTS, IS_WRITTEN, READ_DAY, VACUUM } from "./statements.ts";
import {
  assertShape,
  planBatches,
  type VolumeBatch,
  type VolumeShape,
  type VolumeStep,
} from "./volumePlan.ts";

export interface VolumeRequest extends Omit<VolumeShape, "around"> {
  /** Without one: the day of the data that is there already, else today. */
  around?: string;
}

export interface GenerateOptions {
  /** Ends the work after the transactions under way; the same call goes on from there. */
  signal?: AbortSignal;
  /** Called before the first and after each batch: rows done of all rows, and the step they belong to. */
  onProgress?: (done: number, total: number, step: VolumeStep) => void;
}

export interface VolumeReport {
  around: string;
  /** Rows that were not there before. `tenants` counts organizations, clinics, people and memberships. */
  written: Record<VolumeStep, number>;
  /** Whether everything that was asked for is there now; false after an interruption. */
  isComplete: boolean;
}

const STEPS: readonly VolumeStep[] = ["tenants", "patients", "appointments"];
/** Postgres spends nearly all of the time; more connections than it has cores bring nothing. */
const CONNECTIONS = 2;

/**
 * Fills a database with organizations, clinics and their people, patients and appointments, as `app_data` in batches of one
 * transaction each. What is there already stays as it is, so an interrupted run is finished by the same call, and a call
 * with more patients or appointments adds to them. Another number of organizations or clinics makes other data.
 *
 * @throws with every number that does not fit; nothing is written then.
 */
export async function generateVolume(
  urls: Pick<DatabaseUrls, "data" | "owner">,
  request: VolumeRequest,
  options: GenerateOptions = {},
): Promise<VolumeReport> {
  const today = new Date().toISOString().slice(0, 10);
  assertShape({ ...request, around: request.around ?? today });
  const written = { tenants: 0, patients: 0, appointments: 0 };
  const around = await withClients(urls.data, 1, ([client]) => settleDay(client, request, today));
  const isComplete = await withClients(urls.data, CONNECTIONS, (clients) =>
    runSteps(clients, { ...request, around }, written, options),
  );
  if (isComplete && Object.values(written).some((rows) => rows > 0)) {
    await withClients(urls.owner, 1, ([client]) => client.query(VACUUM));
  }
  return { around, written, isComplete };
}

async function withClients<T>(
  url: string,
  count: number,
  work: (clients: [Client, ...Client[]]) => Promise<T>,
): Promise<T> {
  const makeClient = () => new Client({ connectionString: url, application_name: "bailiwick generate" });
  const clients: [Client, ...Client[]] = [makeClient(), ...Array.from({ length: count - 1 }, makeClient)];
  // A lost connection also fails the query that runs on it, which is where it is told.
  clients.forEach((client) => client.on("error", () => undefined));
  try {
    await Promise.all(clients.map((client) => client.connect()));
    return await work(clients);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** Rows are numbered from the day on which they were begun: going on around another day would make them overlap. */
async function settleDay(client: Client, request: VolumeRequest, today: string): Promise<string> {
  const first = parameter({ ...request, around: today }, { firstOrganization: 1, lastOrganization: 1 });
  await client.query("begin");
  await client.query(DECLARE_SCOPE, [first]);
  const { rows } = await client.query<{ around: string }>(READ_DAY, [first]);
  await client.query("rollback");
  const existing = rows[0]?.around;
  if (existing !== undefined && request.around !== undefined && request.around !== existing) {
    throw new Error(
      `This data exists around ${existing} and cannot go on around ${request.around}: ` +
        "leave --around out, or make other data with another --seed.",
    );
  }
  return existing ?? request.around ?? today;
}

/** @returns false if it was interrupted. */
async function runSteps(
  clients: Client[],
  shape: VolumeShape,
  written: Record<VolumeStep, number>,
  { signal, onProgress }: GenerateOptions,
): Promise<boolean> {
  const batches = planBatches(shape);
  const total = batches.reduce((sum, { rows }) => sum + rows, 0);
  let done = 0;
  for (const step of STEPS) {
    onProgress?.(done, total, step);
    const queue = batches.filter((batch) => batch.step === step);
    const failure = new AbortController();
    await Promise.all(
      clients.map(async (client) => {
        for (let batch = queue.shift(); batch && !signal?.aborted; batch = queue.shift()) {
          failure.signal.throwIfAborted();
          const count = await runBatch(client, shape, batch).catch((error: unknown) => {
            failure.abort(error);
            throw error;
          });
          written[step] += count;
          done += batch.rows;
          onProgress?.(done, total, step);
        }
      }),
    );
  }
  return done === total;
}

/** One transaction. @returns how many rows it wrote. */
async function runBatch(client: Client, shape: VolumeShape, batch: VolumeBatch): Promise<number> {
  const values = [parameter(shape, batch)];
  await client.query("begin");
  await client.query(DECLARE_SCOPE, values);
  const { rows } = await client.query<{ isWritten: boolean }>(IS_WRITTEN[batch.step], values);
  let count = 0;
  for (const insert of rows[0]?.isWritten ? [] : INSERTS[batch.step]) {
    count += (await client.query(insert, values)).rowCount ?? 0;
  }
  await client.query("commit");
  return count;
}

/** The one parameter of all statements. Its name makes the data of another seed or shape other data. */
function parameter(shape: VolumeShape, batch: Partial<VolumeBatch>): string {
  const { seed, organizations, clinics } = shape;
  return JSON.stringify({ ...shape, ...batch, name: `generated/${seed}/${organizations}/${clinics}` });
}
