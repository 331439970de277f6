import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, it, jest } from "@jest/globals";

import { reverseBackfill } from "../../src/backfill/reverseBackfill.ts";
import { runBackfill } from "../../src/backfill/runBackfill.ts";
import { commandEnvironment } from "../import/commandEnvironment.ts";
import { useTestDatabase } from "../support/database.ts";
import { ofPatients, useBackfillFolder } from "./backfillFiles.ts";
import { createTown, hashPatients } from "./patientRows.ts";

jest.setTimeout(60_000);

const ROOT = join(import.meta.dirname, "../..");
const KILLS = 3;
const PATIENTS = 90;

const db = useTestDatabase();
const folder = useBackfillFolder();
/** Not to be done twice: a row that is would show. */
const TEXT = ofPatients(`
  p.city || '!' as city,
  case p.mrn when 'N-70' then null else p.given_name end as given_name`);

function start(...args: string[]): ChildProcess {
  const child = spawn(
    process.execPath,
    [join(ROOT, "src/cli.ts"), "backfill", ...args, "--folder", folder.path],
    {
      env: { ...process.env, ...commandEnvironment(db) },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  // Unread, its pipe would outlive it.
  child.stderr?.resume();
  return child;
}

async function batchesOf(name: string): Promise<number> {
  const { rows } = await db.superuser.query(
    `select count(*)::int from app_private.backfill_batches b join app_private.backfill_runs r on r.id = b.run_id
     where r.name = $1`,
    [name],
  );
  return rows[0].count;
}

async function waitingBackfills(): Promise<number | null> {
  const { rowCount } = await db.superuser.query(
    `select from pg_stat_activity
     where application_name = 'bailiwick backfill' and datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rowCount;
}

/** Asks until it is so; fails where the process that is to make it so has ended. */
async function waitFor(child: ChildProcess | null, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline || (child !== null && child.exitCode !== null)) {
      throw new Error(`It was to be so, and is not: ${isTrue}`);
    }
    await sleep(2);
  }
}

/** @returns whether it was killed before it was done. */
async function killLater(child: ChildProcess, name: string): Promise<boolean> {
  const exited = once(child, "exit");
  const from = await batchesOf(name);
  const more = randomInt(1, 12);
  while (child.exitCode === null && (await batchesOf(name)) < from + more) {
    await sleep(2);
  }
  await sleep(randomInt(0, 12));
  child.kill("SIGKILL");
  return (await exited)[1] === "SIGKILL";
}

describe("a run", () => {
  it("that is killed again and again ends as one that was never interrupted", async () => {
    const { organizationId } = await createTown(db, PATIENTS);
    const untouched = await hashPatients(db, organizationId);
    const backfill = await folder.write("killed", TEXT);
    const reference = await runBackfill(db.urls.data, await folder.write("reference", TEXT), {
      organizations: [organizationId],
    });
    expect(reference).toMatchObject({ rowsChanged: PATIENTS - 1, problems: [{ rows: 1 }] });
    const expected = await hashPatients(db, organizationId);
    await reverseBackfill(db.urls.data, reference.run ?? "");
    expect(await hashPatients(db, organizationId)).toBe(untouched);

    let kills = 0;
    for (let attempt = 0; attempt < KILLS; attempt++) {
      const child = start("run", "killed", "--organization", organizationId, "--batch", "2");
      kills += (await killLater(child, "killed")) ? 1 : 0;
    }
    expect(kills).toBeGreaterThan(0);
    const last = await runBackfill(db.urls.data, backfill, { organizations: undefined });
    expect(last).toEqual({
      ...reference,
      run: expect.any(String),
      backfill: "killed",
      isResumed: true,
    });
    expect(await hashPatients(db, organizationId)).toBe(expected);
    expect(await reverseBackfill(db.urls.data, last.run ?? "")).toMatchObject({
      rowsRestored: PATIENTS - 1,
      conflicts: [],
    });
    expect(await hashPatients(db, organizationId)).toBe(untouched);
  });

  it("ends after the batch under way when it is told to, and says how to go on", async () => {
    const { organizationId } = await createTown(db, 12);
    const holder = await db.superuser.connect();
    await folder.write("stopped", TEXT);
    try {
      // The second batch waits for a row until the signal has come.
      await holder.query("begin");
      await holder.query(
        "select from app_public.patients where organization_id = $1 and mrn = 'N-6' for update",
        [organizationId],
      );
      const child = start("run", "stopped", "--organization", organizationId);
      let output = "";
      child.stderr?.on("data", (data) => (output += data));
      const exited = once(child, "exit");
      await waitFor(child, async () => (await batchesOf("stopped")) > 0);
      child.kill("SIGINT");
      // It has nothing to do but to hear it.
      await sleep(300);
      await holder.query("commit");
      expect(await exited).toEqual([2, null]);
      expect(output).toBe(
        "bailiwick: interrupted by SIGINT after 8 of 12 rows; the same command goes on from there.\n",
      );
    } finally {
      await holder.query("rollback");
      holder.release();
    }
    expect(await batchesOf("stopped")).toBe(2);
  });

  it("is the only one of its backfill", async () => {
    const { organizationId } = await createTown(db, 8);
    const backfill = await folder.write("alone", TEXT);
    const holder = await db.superuser.connect();
    let first: Promise<unknown> | undefined;
    try {
      await holder.query("begin");
      await holder.query("select from app_public.patients where organization_id = $1 for update", [
        organizationId,
      ]);
      first = runBackfill(db.urls.data, backfill, { organizations: [organizationId] });
      const begun = "select from app_private.backfill_runs where name = 'alone'";
      await waitFor(null, async () => (await db.superuser.query(begun)).rowCount === 1);
      const second = runBackfill(db.urls.data, backfill, { organizations: [organizationId] });
      await expect(second).rejects.toThrow(
        "Another process runs or reverses the backfill 'alone' at the moment.",
      );
    } finally {
      await holder.query("rollback");
      holder.release();
    }
    expect(await first).toMatchObject({ rowsDone: 8 });
  });

  it("tries a batch again that lost against another transaction", async () => {
    const { organizationId } = await createTown(db, 3);
    const backfill = await folder.write("deadlock", TEXT);
    // Each looks once, when it has waited for so long. Of the two it is the run that finds the deadlock, and that Postgres ends:
    // the holder looks too late, and the run not before there is one.
    await db.superuser.query(
      "do $$ begin execute format('alter database %I set deadlock_timeout = %L', current_database(), '5s'); end $$",
    );
    const holder = await db.superuser.connect();
    const take = "update app_public.patients set phone = '555-0199' where organization_id = $1 and mrn = $2";
    try {
      await holder.query("begin; set local deadlock_timeout = '10min'");
      await holder.query(take, [organizationId, "N-2"]);
      const run = runBackfill(db.urls.data, backfill, { organizations: [organizationId] });
      await waitFor(null, async () => (await waitingBackfills()) === 1);
      await holder.query(take, [organizationId, "N-1"]);
      await holder.query("commit");
      expect(await run).toMatchObject({ rowsDone: 3, rowsChanged: 3, problems: [] });
    } finally {
      await holder.query("rollback");
      holder.release();
    }
  });

  it("cannot be gone on with by another statement, or over others", async () => {
    const own = await createTown(db, 8);
    const foreign = await createTown(db, 1);
    const interruption = new AbortController();
    const options = {
      organizations: [own.organizationId],
      signal: interruption.signal,
      onProgress: () => interruption.abort(new Error("interrupted by SIGINT")),
    };
    const backfill = await folder.write("changed", TEXT);
    await expect(runBackfill(db.urls.data, backfill, options)).rejects.toThrow(/after 4 of 8 rows/);
    const others = runBackfill(db.urls.data, backfill, { organizations: [foreign.organizationId] });
    await expect(others).rejects.toThrow(/is over other organizations/);
    const changed = await folder.write("changed", TEXT.replace("'!'", "'?'"));
    await expect(runBackfill(db.urls.data, changed, { organizations: undefined })).rejects.toThrow(
      /has changed since the run \S+ began/,
    );
  });
});
