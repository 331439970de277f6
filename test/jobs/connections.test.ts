import { beforeAll, expect, it, jest } from "@jest/globals";
import { pino } from "pino";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { startWorker } from "../../src/jobs/startWorker.ts";
import { tenantTask } from "../../src/jobs/tenantTask.ts";
import { workerConnections } from "../../src/jobs/workerConnections.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { queuedJobs } from "../support/jobs.ts";

jest.setTimeout(60_000);

const CONCURRENCY = 3;
const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("delete from graphile_worker._private_jobs");
});

/** Lets nobody on before as many have come. */
function makeMeeting(count: number) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    come++;
    if (come === count) {
      resolve();
    }
    return promise;
  };
}

it("jobs that tell of their progress in a second transaction never wait for each other's connections", async () => {
  const inside = makeMeeting(CONCURRENCY);
  const telling = makeMeeting(CONCURRENCY);
  const test__progress = tenantTask("test__progress", {
    timeout: 20_000,
    maxAttempts: 1,
    parse: () => undefined,
    perform: ({ inTenant }) =>
      inTenant(async () => {
        await inside();
        await inTenant(() => telling());
      }),
  });
  const config = { ...db.config, worker: { ...db.config.worker, concurrency: CONCURRENCY, poolSize: 2 } };
  const logger = pino({ level: "silent" });
  const worker = await startWorker(config, { url: db.urls.worker, logger, tasks: { test__progress } });
  try {
    for (let job = 0; job < CONCURRENCY; job++) {
      await db.superuser.query("select graphile_worker.add_job('test__progress', $1::json)", [
        JSON.stringify({ organizationId: world.own }),
      ]);
    }
    await eventually(async () => (await queuedJobs(db)).length === 0);
    const { rows } = await db.superuser.query("select task, error_code from app_public.job_dead_letters");
    expect(rows).toEqual([]);
  } finally {
    await worker.close();
  }
});

it("a worker opens as many connections as it was given, or as its jobs need", () => {
  const given = { ...db.config.worker, concurrency: 4 };
  expect(workerConnections({ ...given, poolSize: 30 })).toBe(30);
  expect(workerConnections({ ...given, poolSize: 2 })).toBe(10);
});
