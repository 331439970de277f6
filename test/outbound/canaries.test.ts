import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { createWorld, type World } from "../../src/access/world/world.ts";
import type { Config } from "../../src/config.ts";
import { startWorker } from "../../src/jobs/startWorker.ts";
import { makeMetrics } from "../../src/telemetry/metrics.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { useReceiver } from "../support/receiver.ts";
import { useSheetsServer } from "../support/sheetsServer.ts";
import { liveThroughADay } from "./canaryDay.ts";
import { outboundConfig } from "./deliveries.ts";

const CANARY = /canary/i;
const FOLDER = await mkdtemp(join(tmpdir(), "bailiwick-canaries-"));
const db = useTestDatabase();
const receiver = useReceiver();
const google = useSheetsServer();
const log: string[] = [];
const logger = pino(
  { level: "trace" },
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(chunk.toString("utf8"));
      done();
    },
  }),
);
const configure = (config: Config): Config => ({
  ...outboundConfig(config),
  mail: { ...config.mail, smtpUrl: null, folder: join(FOLDER, "mails") },
  exports: { folder: join(FOLDER, "exports") },
});
const api = useGateway(db, { configure, logger });
let world: World;
/** What nobody outside may see besides values with a canary in them. */
const secrets: string[] = [];
/** What was fetched by those who may: here, a canary belongs. */
const files: string[] = [];
/** Everything that was in the queue at any time, with its failures. */
const jobs: string[] = [];

async function readQueue(): Promise<number> {
  const { rows } = await db.superuser.query<{ text: string; is_due: boolean }>(
    `select concat_ws(' ', t.identifier, j.payload, q.queue_name, j.key, j.last_error) as text,
       j.run_at <= now() and j.attempts < j.max_attempts as is_due
     from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
     left join graphile_worker._private_job_queues q on q.id = j.job_queue_id`,
  );
  jobs.push(...rows.map(({ text }) => text));
  return rows.filter(({ is_due: isDue }) => isDue).length;
}

/** Lets a worker do all that is due. */
async function workOff(): Promise<string> {
  const metrics = makeMetrics();
  const config = { ...configure(db.config), outbound: { ...outboundConfig(db.config, google.url).outbound } };
  const worker = await startWorker(config, { url: db.urls.worker, logger, metrics });
  try {
    let due = await readQueue();
    for (let turn = 0; turn < 300 && due > 0; turn++) {
      await sleep(50);
      due = await readQueue();
    }
    expect(due).toBe(0);
  } finally {
    await worker.close();
  }
  return metrics.text();
}

/** As they are read, without whom they are for and without the code that their link ends with. */
async function readMails(folder: string): Promise<string[]> {
  const mails = await Promise.all(
    (await readdir(folder)).map((file) => readFile(join(folder, file), "utf8")),
  );
  return mails.map((mail) =>
    mail
      .replace(/=\r?\n/g, "")
      .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/^To: .*$/m, "")
      .replace(/#[0-9a-f]{64}\b/g, "#"),
  );
}

async function rowsOf(sql: string): Promise<string> {
  const { rows } = await db.superuser.query(sql);
  expect(rows.length).toBeGreaterThan(0);
  return JSON.stringify(rows);
}

/** Sources → what came out of them. */
const outputs = new Map<string, string>();

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("update app_public.subscriptions set plan = 'pro'");
  await db.superuser.query(
    `update app_public.patients set given_name = 'canary-given', family_name = 'canary-family', mrn = 'canary-' || id`,
  );
  await db.superuser.query(
    `insert into app_public.call_metrics (organization_id, clinic_id, metric_key, day, source, value, note)
     values ($1, $2, 'calls_received', '2026-01-01', 'manual', 3, 'canary-note')`,
    [world.own, world.here.clinic.id],
  );
  for (const person of [world.owner, world.here.provider]) {
    secrets.push(api.tokenOf(person).split(".")[2] ?? "");
  }
  // Once everything fails with a canary in the answer, once it goes well.
  receiver.answer(
    (response) => void response.writeHead(500, { reason: "canary-header" }).end("canary-answer"),
  );
  const goOn = await liveThroughADay({ db, api, world, secrets, receiver, google });
  const metrics = [await workOff()];
  receiver.answer((response) => void response.writeHead(204).end());
  google.spreadsheets.set("sheet_1", [{ title: "Figures", rows: [], length: 5 }]);
  await db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
  await db.superuser.query("update app_public.integrations set schedule = 'hourly'");
  await db.superuser.query("select graphile_worker.add_job('integration__enqueue')");
  metrics.push(await workOff());
  files.push(...(await goOn()));

  outputs.set("log", log.join(""));
  outputs.set("jobs", jobs.join("\n"));
  outputs.set("metrics", metrics.join("\n"));
  outputs.set("metrics of the gateway", await (await fetch(`${api.gateway.adminUrl}/metrics`)).text());
  outputs.set(
    "webhooks",
    receiver.requests.map(({ headers, body }) => JSON.stringify(headers) + body).join("\n"),
  );
  outputs.set("sheets", google.bodies.filter((body) => !body.includes("assertion=")).join("\n"));
  outputs.set("notifications", await rowsOf("select * from app_public.notifications"));
  outputs.set(
    "deliveries",
    await rowsOf("select to_jsonb(d) from app_public.webhook_deliveries d where attempts > 0"),
  );
  outputs.set("runs", await rowsOf("select to_jsonb(r) from app_public.integration_sync_runs r"));
  outputs.set("mails", (await readMails(join(FOLDER, "mails"))).join("\n"));
}, 120_000);
afterAll(() => rm(FOLDER, { recursive: true }));

describe("what leaves the database", () => {
  it("is there at all: without it, nothing could be found in it", () => {
    expect([...outputs].filter(([, text]) => text.length < 20)).toEqual([]);
    expect(outputs.get("log")).toContain("webhook__deliver");
    expect(outputs.get("jobs")).toMatch(/webhook__deliver[^]*integration__sync/);
    expect(outputs.get("sheets")).toContain("calls_received");
    expect(outputs.get("runs")).toMatch(/"failed"[^]*"succeeded"/);
    expect(receiver.requests.length).toBeGreaterThan(3);
    expect(secrets.filter((secret) => secret.length < 20)).toEqual([]);
    expect(files).toEqual([expect.stringMatching(CANARY), expect.stringContaining("Calls received")]);
    for (const subject of ["Confirm", "You are invited", "A weekly report", "Your export", "An emergency"]) {
      expect(outputs.get("mails")).toMatch(new RegExp(`^Subject: ${subject}`, "m"));
    }
    // The text, not its encoding.
    expect(outputs.get("mails")).toMatch(/Sign in to fetch it before it expires/);
  });

  it.each([
    "log",
    "jobs",
    "metrics",
    "metrics of the gateway",
    "webhooks",
    "sheets",
    "notifications",
    "deliveries",
    "runs",
    "mails",
  ])("has no value of a patient, no secret and no token in its %s", (source) => {
    const text = outputs.get(source) ?? "";
    const lines = text.split("\n").filter((line) => CANARY.test(line));
    expect(lines).toEqual([]);
    secrets.forEach((secret) => expect(text).not.toContain(secret));
  });
});
