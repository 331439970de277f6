import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { BOXES, commitAs, outboundConfig } from "../outbound/deliveries.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { type TestTab, useSheetsServer } from "../support/sheetsServer.ts";

const SPREADSHEET = "own-spreadsheet_1";
const db = useTestDatabase();
const google = useSheetsServer();
let world: World;
let integrationId: string;
let tab: TestTab;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("update app_public.subscriptions set plan = 'pro'");
});

beforeEach(async () => {
  await db.superuser.query("delete from app_public.integrations");
  await db.superuser.query("delete from app_public.call_metrics");
  await db.superuser.query("delete from app_public.notifications");
  await db.superuser.query("delete from graphile_worker._private_jobs");
  tab = { title: "It's figures", rows: [], length: 3 };
  google.spreadsheets.clear();
  google.spreadsheets.set(SPREADSHEET, [{ title: "Other", rows: [["mine"]], length: 10 }, tab]);
  google.requests.length = 0;
  integrationId = await connect({ spreadsheetId: SPREADSHEET, sheet: tab.title });
});

async function connect(settings: object, clinic = world.here.clinic): Promise<string> {
  const { rows } = await db.superuser.query<{ id: string }>(
    `insert into app_public.integrations (organization_id, clinic_id, provider, name, settings, connected_at)
     values ($1, $2, 'google_sheets', $3, $4, now()) returning id`,
    [clinic.organizationId, clinic.id, `Sheet ${JSON.stringify(settings)}`, settings],
  );
  const id = rows[0]?.id ?? "";
  const sealed = BOXES?.integration_credentials.seal(id, google.keyFile);
  await db.superuser.query(
    `insert into app_private.integration_credentials (integration_id, organization_id, clinic_id, key_id, nonce, ciphertext)
     values ($1, $2, $3, $4, $5, $6)`,
    [id, clinic.organizationId, clinic.id, sealed?.keyId, sealed?.nonce, sealed?.ciphertext],
  );
  return id;
}

/** Calls that were received on the first days of 2026, from day `first` on; written one after the other. */
async function receiveCalls(
  first: number,
  values: readonly number[],
  { id, organizationId } = world.here.clinic,
): Promise<void> {
  for (const [index, value] of values.entries()) {
    await db.superuser.query(
      `insert into app_public.call_metrics (organization_id, clinic_id, metric_key, day, source, value, note)
       values ($1, $2, 'calls_received', date '2026-01-01' + $3::int, 'manual', $4, 'canary-note')`,
      [organizationId, id, first + index, value],
    );
  }
}
/** As if the figures had been written then, a minute after each other; their triggers would say that it is now. */
const changedBefore = (interval: string) =>
  db.superuser.query(
    `begin;
     set local session_replication_role = replica;
     update app_public.metric_aggregations
     set updated_at = now() - interval '${interval}' + (starts_on - date '2026-01-01') * interval '1 minute';
     commit`,
  );
const work = () => runJobs(db, outboundConfig(db.config, google.url));
async function sync(id = integrationId): Promise<void> {
  await commitAs(db, world.owner, "select app_public.sync_integration($1)", [id]);
  await work();
}
async function validate(): Promise<void> {
  await db.superuser.query(
    `select graphile_worker.add_job('integration__validate',
       json_build_object('organizationId', $1::uuid, 'integrationId', $2::uuid))`,
    [world.own, integrationId],
  );
  await work();
}
async function lastRun(): Promise<Record<string, unknown>> {
  const { rows } = await db.superuser.query(
    `select kind::text, status::text, rows_read, rows_written, failure from app_public.integration_sync_runs
     order by started_at desc, id desc limit 1`,
  );
  return rows[0] ?? {};
}
const figures = () => tab.rows.slice(1).map((row) => row.slice(2));
const DAY = (day: string, sum: number) => [day, "call", "calls_received", "manual", sum, 1];

describe("a sync", () => {
  it("writes the clinic's figures below a head, and makes the sheet longer", async () => {
    await receiveCalls(0, [3, 4, 5]);
    await receiveCalls(0, [100], world.there.clinic);
    await receiveCalls(0, [200], world.abroad.clinic);
    await sync();
    expect(await lastRun()).toEqual({
      kind: "sync",
      status: "succeeded",
      rows_read: 3,
      rows_written: 3,
      failure: null,
    });
    expect(tab.rows[0]).toEqual(["key", "changed", "day", "area", "metric", "source", "sum", "count"]);
    expect(figures()).toEqual([DAY("2026-01-01", 3), DAY("2026-01-02", 4), DAY("2026-01-03", 5)]);
    expect(tab.length).toBe(4);
    expect(google.spreadsheets.get(SPREADSHEET)?.[0]?.rows).toEqual([["mine"]]);
    expect(google.bodies.join("")).not.toContain("canary-note");
  });

  it("writes what has changed at its place, adds what is new, and changes nothing when it runs again", async () => {
    await receiveCalls(0, [3, 4]);
    await sync();
    await changedBefore("1 hour");
    await db.superuser.query("update app_public.call_metrics set value = 9 where day = '2026-01-01'");
    await receiveCalls(2, [5]);
    await sync();
    const expected = [DAY("2026-01-01", 9), DAY("2026-01-02", 4), DAY("2026-01-03", 5)];
    expect(figures()).toEqual(expected);
    await sync();
    expect(figures()).toEqual(expected);
  });

  it("empties the place of a figure that is gone, and fills it again", async () => {
    await receiveCalls(0, [3, 4]);
    await sync();
    await db.superuser.query("delete from app_public.call_metrics where day = '2026-01-01'");
    await sync();
    expect(figures()).toEqual([[], DAY("2026-01-02", 4)]);
    await receiveCalls(5, [7]);
    await sync();
    expect(figures()).toEqual([DAY("2026-01-06", 7), DAY("2026-01-02", 4)]);
  });

  it("goes on after Google was away, from where it had come", async () => {
    await receiveCalls(
      0,
      Array.from({ length: 520 }, (_, n) => n + 1),
    );
    tab.length = 1000;
    await changedBefore("1 day");
    await commitAs(db, world.owner, "select app_public.sync_integration($1)", [integrationId]);
    // Token, properties, head, writing the head, marks and the first page; then it is away.
    google.failAfter(6, 503);
    await runJobs(db, outboundConfig(db.config, google.url));
    expect(await lastRun()).toMatchObject({
      status: "failed",
      rows_written: 500,
      failure: "Google did not answer, or asked to wait.",
    });
    expect((await queuedJobs(db)).filter(({ task }) => task === "integration__sync")).toHaveLength(1);
    await db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
    await runJobs(db, outboundConfig(db.config, google.url));
    // Five minutes are read again: five rows.
    expect(await lastRun()).toMatchObject({ status: "succeeded", rows_written: 25 });
    expect(figures()).toHaveLength(520);
    expect(new Set(figures().map(([day]) => day)).size).toBe(520);
  });

  it.each([
    [{ spreadsheetId: SPREADSHEET, sheet: "Other" }, "The sheet holds something else: name an empty one."],
    [{ spreadsheetId: SPREADSHEET, sheet: "None" }, "The spreadsheet has no sheet of that name."],
    [
      { spreadsheetId: "another", sheet: "Figures" },
      "There is no spreadsheet of that id, or it is not shared with the service account.",
    ],
    [{ spreadsheetId: "../../evil", sheet: "x" }, expect.stringContaining("lack spreadsheetId")],
    [{ spreadsheetId: SPREADSHEET }, expect.stringContaining("lack sheet")],
  ])("says what is wrong with %j, and tells the administrators once a day", async (settings, failure) => {
    const id = await connect(settings);
    await sync(id);
    await sync(id);
    expect(await lastRun()).toMatchObject({ status: "failed", rows_written: 0, failure });
    expect(await queuedJobs(db)).toEqual([]);
    const { rows } = await db.superuser.query(
      "select user_id from app_public.notifications where kind = 'integration_failed' and subject_id = $1 order by 1",
      [id],
    );
    expect(rows.map(({ user_id: userId }) => userId)).toEqual(
      [world.owner.userId, world.admin.userId].sort(),
    );
    expect(google.spreadsheets.get(SPREADSHEET)?.[0]?.rows).toEqual([["mine"]]);
  });

  it("is denied to who does not run the clinic, and to a job of another organization", async () => {
    for (const person of [world.here.provider, world.there.clinicAdmin, world.abroad.clinicAdmin]) {
      await db.asUser(person, (request) =>
        expect(
          request.attempt("select app_public.sync_integration($1)", [integrationId]),
        ).rejects.toMatchObject({ code: "NTFND" }),
      );
    }
    await db.superuser.query(
      `select graphile_worker.add_job('integration__sync',
         json_build_object('organizationId', $1::uuid, 'integrationId', $2::uuid))`,
      [world.foreign, integrationId],
    );
    await work();
    expect(await lastRun()).toEqual({});
    expect(google.requests).toEqual([]);
  });
});

describe("a comparison", () => {
  it("finds nothing after a sync, whatever has changed here since", async () => {
    await receiveCalls(0, [3, 4]);
    await sync();
    await receiveCalls(5, [1]);
    await validate();
    expect(await lastRun()).toMatchObject({ kind: "validation", status: "succeeded", rows_read: 2 });
  });

  it.each([
    ["a row is missing", () => tab.rows.splice(1, 1, []), "1 rows are missing, 0 differ, 0 do not belong"],
    ["a row was changed", () => (tab.rows[1]![1] = "x"), "0 rows are missing, 1 differ, 0 do not belong"],
    ["a row was copied", () => tab.rows.push([...tab.rows[1]!]), "0 rows are missing, 0 differ, 1 do not"],
    ["a row was invented", () => tab.rows.push(["mine", "x"]), "0 rows are missing, 0 differ, 1 do not"],
  ])("says that %s, and the next sync writes everything anew", async (_what, spoil, failure) => {
    tab.length = 10;
    await receiveCalls(0, [3, 4]);
    await sync();
    spoil();
    await validate();
    expect(await lastRun()).toMatchObject({
      kind: "validation",
      status: "failed",
      failure: expect.stringContaining(failure),
    });
    await sync();
    await validate();
    expect(await lastRun()).toMatchObject({ kind: "validation", status: "succeeded" });
    const kept = figures().filter((row) => row.length > 0);
    expect(kept.sort()).toEqual([DAY("2026-01-01", 3), DAY("2026-01-02", 4)]);
  });
});

describe("the schedule", () => {
  const plan = async () => {
    await db.superuser.query("select graphile_worker.add_job('integration__enqueue')");
    await work();
    const { rows } = await db.superuser.query<{ kind: string }>(
      "select kind::text from app_public.integration_sync_runs order by started_at, id",
    );
    return rows.map(({ kind }) => kind);
  };

  it("syncs every hour or every day, compares every hour, and leaves alone what is manual or not bought", async () => {
    expect(await plan()).toEqual([]);
    await db.superuser.query("update app_public.integrations set schedule = 'daily'");
    expect(await plan()).toEqual(["sync"]);
    expect(await plan()).toEqual(["sync", "validation"]);
    await db.superuser.query("update app_public.integrations set schedule = 'hourly'");
    expect(await plan()).toEqual(["sync", "validation", "sync", "validation"]);
    await db.superuser.query("update app_public.subscriptions set plan = 'free'");
    expect(await plan()).toEqual(["sync", "validation", "sync", "validation", "validation"]);
    await db.superuser.query("update app_public.integrations set active = false");
    expect(await plan()).toHaveLength(5);
    await db.superuser.query("update app_public.subscriptions set plan = 'pro'");
  });
});
