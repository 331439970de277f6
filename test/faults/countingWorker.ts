/** A worker whose tasks count what they bring about: a process of its own, to be killed (workerKills.ts, takeover.test.ts). */
import { setTimeout as sleep } from "node:timers/promises";

import { loadConfig } from "../../src/config.ts";
import { findLogin } from "../../src/database/openDatabase.ts";
import { startWorker } from "../../src/jobs/startWorker.ts";
import { tenantTask } from "../../src/jobs/tenantTask.ts";
import { makeLogger } from "../../src/logging.ts";
import { stopSignal } from "../../src/stopSignal.ts";

/** Each run that takes effect leaves a row of its own: the row's key is no obstacle to a second one, the effect key is. */
const EFFECT = `\
insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
values ($1, $2, 'counted', 'jobs', $3, $4)`;

const count = tenantTask("test__count", {
  timeout: 60_000,
  // Whom a kill meets is chance; a job that every kill meets is not what is looked for here.
  maxAttempts: 25,
  parse: ({ userId, subjectId, pause }) => ({
    userId: String(userId),
    subjectId: String(subjectId),
    pause: Number(pause),
  }),
  async perform({ payload: { userId, subjectId, pause }, organizationId, inTenant, claimEffect }) {
    await sleep(Math.random() * pause);
    await inTenant(async (client) => {
      if (await claimEffect(client, subjectId)) {
        await sleep(Math.random() * pause);
        await client.query(EFFECT, [organizationId, userId, subjectId, crypto.randomUUID()]);
      }
    });
    await sleep(Math.random() * pause);
  },
});

/** Never ends by itself: it has to be stopped at its timeout, each time. */
const poison = tenantTask("test__poison", {
  timeout: 5000,
  maxAttempts: 2,
  parse: () => null,
  perform: () => new Promise(() => undefined),
});

const stopped = stopSignal();
const { config, url } = findLogin(loadConfig(), "app_worker");
const logger = makeLogger(config);
const worker = await startWorker(config, {
  url,
  logger,
  tasks: { test__count: count, test__poison: poison },
});
logger.info({ pid: process.pid }, "The counting worker works");
await stopped;
await worker.close();
