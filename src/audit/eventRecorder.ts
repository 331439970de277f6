import type { Pool } from "pg";
import type { Logger } from "pino";
import { Counter, Histogram } from "prom-client";

import type { Config } from "../config.ts";
import { loginUrl } from "../database/databaseUrls.ts";
import { makePool } from "../database/makePool.ts";
import { classifyError } from "../errors/classifyError.ts";
import type { ReleaseList } from "../ReleaseList.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** What a request read of one organization, or that it was refused; app_hidden.record_events() takes it as it is. */
export interface RequestEvent {
  /** Under which it ran: who, why, from where. */
  settings: Readonly<Record<string, string | undefined>>;
  /** Whose rows they were; null where there were none. */
  organizationId: string | null;
  tableName: string;
  /** Columns, for example `app_public.patients.given_name`. */
  fields: readonly string[];
  patientIds: readonly string[];
  rowCount: number | null;
  /** Why it was refused, of docs/error-codes.md. */
  errorCode?: string;
}

export interface EventRecorder {
  /** Resolves when the events are committed. Rejects when they cannot be: what they tell of must not leave then. */
  record(events: readonly RequestEvent[]): Promise<void>;
  /** Resolves when the event is committed, or after a while; one that cannot be written is counted and told. */
  recordRefusal(event: RequestEvent): Promise<void>;
  close(): Promise<void>;
}

interface Waiting {
  events: readonly RequestEvent[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Commits that run at the same time: while one waits for the disk, the other collects. */
const CONNECTIONS = 2;
/** Requests whose events are written by one statement. */
const BATCH = 100;
/** More than this are refused at once: they would be too late anyway. */
const MAXIMUM_WAITING = 5000;
/** Milliseconds. */
const DEADLINE = 3000;
/** Milliseconds that a refusal waits for its record. */
const PATIENCE = 500;
const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 3];
const REFUSAL_LOST = "A refused attempt could not be put on record";

/** Makes the gateway's, with the connection that belongs to `app_recorder`. */
export function openEventRecorder(
  { database }: Pick<Config, "database">,
  {
    url,
    logger,
    metrics,
    releases,
  }: { url: string; logger: Logger; metrics: Metrics; releases: ReleaseList },
): EventRecorder {
  const events = makeEventRecorder(loginUrl(database, url, "app_recorder"), metrics, logger);
  releases.add(events.close);
  return events;
}

/**
 * Puts on record what requests read and what they were refused, on connections of its own.
 *
 * @param url connection of `app_recorder`.
 */
export function makeEventRecorder(
  url: string,
  metrics: Pick<Metrics, "registry">,
  logger: Logger,
): EventRecorder {
  const scoped = logger.child({ scope: "recorder" });
  const pool = makePool(
    url,
    { max: CONNECTIONS, applicationName: "bailiwick-recorder", statementDeadline: DEADLINE },
    scoped,
  );
  const counted = new Counter({
    name: "bailiwick_audit_events_total",
    help: "Reads and refusals that were put on record, or lost.",
    labelNames: ["kind", "result"],
    registers: [metrics.registry],
  });
  const enqueue = makeQueue(pool, metrics);
  /** Refusals whose answers may have left already. */
  const pending = new Set<Promise<void>>();
  return {
    async record(events) {
      try {
        await enqueue(events);
        counted.inc({ kind: "read", result: "recorded" }, events.length);
      } catch (error) {
        counted.inc({ kind: "read", result: "lost" }, events.length);
        throw error;
      }
    },
    async recordRefusal(event) {
      const written = enqueue([event]).then(
        () => counted.inc({ kind: "refusal", result: "recorded" }),
        (error: unknown) => {
          counted.inc({ kind: "refusal", result: "lost" });
          const problem = classifyError(error, false).code;
          scoped.error({ problem, errorCode: event.errorCode }, REFUSAL_LOST);
        },
      );
      pending.add(written);
      void written.finally(() => pending.delete(written));
      await Promise.race([written, patience()]);
    },
    close: async () => {
      // Their answers have left: nobody else waits for them.
      await Promise.all(pending);
      await pool.end();
    },
  };
}

/** Requests that end while a commit is under way share the next one: each waits for about one, however many there are. */
function makeQueue(
  pool: Pool,
  { registry }: Pick<Metrics, "registry">,
): (events: readonly RequestEvent[]) => Promise<void> {
  const seconds = new Histogram({
    name: "bailiwick_audit_seconds",
    help: "Seconds that a commit of reads and refusals took.",
    buckets: SECONDS,
    registers: [registry],
  });
  const waiting: Waiting[] = [];
  let flushing = 0;
  const pump = async () => {
    flushing++;
    while (waiting.length > 0) {
      const end = seconds.startTimer();
      await writeBatch(pool, waiting.splice(0, BATCH));
      end();
    }
    flushing--;
  };
  return (events) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= MAXIMUM_WAITING) {
        reject(new Error("Too many events wait to be put on record."));
        return;
      }
      waiting.push({ events, resolve, reject });
      if (flushing < CONNECTIONS) {
        void pump();
      }
    });
}

/** Never rejects: what becomes of each request's events is told to that request. */
async function writeBatch(pool: Pool, batch: readonly Waiting[]): Promise<void> {
  try {
    await write(pool, batch);
    batch.forEach(({ resolve }) => resolve());
  } catch (error) {
    if (batch.length === 1) {
      batch[0]?.reject(error);
      return;
    }
    // Somebody's event may be at fault, and the others' are none the worse for it.
    await Promise.all(batch.map((each) => writeBatch(pool, [each])));
  }
}

async function write(pool: Pool, batch: readonly Waiting[]): Promise<void> {
  await pool.query({
    name: "record_events",
    text: "select app_hidden.record_events($1::jsonb)",
    values: [JSON.stringify(batch.flatMap(({ events }) => events))],
  });
}

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE).unref());
}
