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
  mail: { ...config.mail, smtpUrl: null, folder: FOLDER },
});
const api = useGateway(db, { configure, logger });
let world: World;
/** What nobody outside may see besides values with a canary in them. */
const secrets: string[] = [];
/** Everything that was in the queue at any time, with its failures. */
const jobs: string[] = [];

async function ask(person: World["owner"], query: string, input: object): Promise<Record<string, unknown>> {
  const { data, errors } = await api.query(person, query, { variables: { input } });
  expect(errors).toBeUndefined();
  return Object.values(data)[0] as Record<string, unknown>;
}

/** What a person would do in a day, with canaries in everything that they write. */
async function liveThroughADay(): Promise<void> {
  const { owner, here } = world;
  const { webhookEndpoint } = await ask(
    owner,
    `mutation ($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { webhookEndpoint { rowId } } }`,
    {
      webhookEndpoint: {
        url: `${receiver.url}/hooks?token=canary-url`,
        eventKinds: ["APPOINTMENT_CREATED", "APPOINTMENT_CHANGED"],
      },
    },
  );
  const { secret } = await ask(
    owner,
    `mutation ($input: RotateWebhookSecretInput!) { rotateWebhookSecret(input: $input) { secret } }`,
    { endpointId: (webhookEndpoint as { rowId: string }).rowId },
  );
  secrets.push(String(secret).slice("whsec_".length));
  const { integration } = await ask(
    owner,
    `mutation ($input: CreateIntegrationInput!) { createIntegration(input: $input) { integration { rowId } } }`,
    {
      integration: {
        clinicId: here.clinic.id,
        provider: "GOOGLE_SHEETS",
        name: "canary-integration",
        settings: { spreadsheetId: "sheet_1", sheet: "Figures", note: "canary-settings" },
      },
    },
  );
  const integrationId = (integration as { rowId: string }).rowId;
  const keyLine = (JSON.parse(google.keyFile) as { private_key: string }).private_key.split("\n")[3] ?? "";
  secrets.push(keyLine);
  await ask(
    owner,
    `mutation ($input: ConnectIntegrationInput!) { connectIntegration(input: $input) { clientMutationId } }`,
    { integrationId, secret: google.keyFile },
  );
  const { appointment } = await ask(
    here.provider,
    `mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { appointment: result { rowId } } }`,
    {
      clinicId: here.clinic.id,
      patientId: here.patient.id,
      providerId: here.provider.userId,
      startsAt: "2031-03-03T15:00:00Z",
      endsAt: "2031-03-03T15:30:00Z",
      reason: "canary-reason",
      kind: "canary-kind",
    },
  );
  await ask(
    here.provider,
    `mutation ($input: CancelAppointmentInput!) { cancelAppointment(input: $input) { clientMutationId } }`,
    { appointmentId: (appointment as { rowId: string }).rowId, reason: "canary-cancelled" },
  );
  await ask(
    owner,
    `mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { clientMutationId } }`,
    { email: "canary@example.com", organizationId: world.own, organizationRole: "MEMBER" },
  );
  await ask(
    owner,
    `mutation ($input: SyncIntegrationInput!) { syncIntegration(input: $input) { clientMutationId } }`,
    { integrationId },
  );
}

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
  await liveThroughADay();
  const metrics = [await workOff()];
  receiver.answer((response) => void response.writeHead(204).end());
  google.spreadsheets.set("sheet_1", [{ title: "Figures", rows: [], length: 5 }]);
  await db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
  await db.superuser.query("update app_public.integrations set schedule = 'hourly'");
  await db.superuser.query("select graphile_worker.add_job('integration__enqueue')");
  metrics.push(await workOff());

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
  const mails = await Promise.all(
    (await readdir(FOLDER)).map((file) => readFile(join(FOLDER, file), "utf8")),
  );
  outputs.set("subjects of mails", mails.flatMap((mail) => mail.match(/^Subject:.*$/gm) ?? []).join("\n"));
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
    "subjects of mails",
  ])("has no value of a patient, no secret and no token in its %s", (source) => {
    const text = outputs.get(source) ?? "";
    const lines = text.split("\n").filter((line) => CANARY.test(line));
    expect(lines).toEqual([]);
    secrets.forEach((secret) => expect(text).not.toContain(secret));
  });
});
