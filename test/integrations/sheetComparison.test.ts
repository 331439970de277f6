import { describe, expect, it } from "@jest/globals";

import { useTestDatabase } from "../support/database.ts";
import { queuedJobs } from "../support/jobs.ts";
import { DAY, useSheetWorld } from "./sheetWorld.ts";

const db = useTestDatabase();
const sheets = useSheetWorld(db);

describe("a comparison", () => {
  it("finds nothing after a sync, whatever has changed here since", async () => {
    await sheets.receiveCalls(0, [3, 4]);
    await sheets.sync();
    await sheets.receiveCalls(5, [1]);
    await sheets.validate();
    expect(await sheets.lastRun()).toMatchObject({ kind: "validation", status: "succeeded", rows_read: 2 });
  });

  it.each([
    [
      "a row is missing",
      () => sheets.tab.rows.splice(1, 1, []),
      "1 rows are missing, 0 differ, 0 do not belong",
    ],
    [
      "a row was changed",
      () => (sheets.tab.rows[1]![1] = "x"),
      "0 rows are missing, 1 differ, 0 do not belong",
    ],
    [
      "a row was copied",
      () => sheets.tab.rows.push([...sheets.tab.rows[1]!]),
      "0 rows are missing, 0 differ, 1 do not",
    ],
    [
      "a row was invented",
      () => sheets.tab.rows.push(["mine", "x"]),
      "0 rows are missing, 0 differ, 1 do not",
    ],
  ])("says that %s, and the next sync writes everything anew", async (_what, spoil, failure) => {
    sheets.tab.length = 10;
    await sheets.receiveCalls(0, [3, 4]);
    await sheets.sync();
    spoil();
    await sheets.validate();
    expect(await sheets.lastRun()).toMatchObject({
      kind: "validation",
      status: "failed",
      failure: expect.stringContaining(failure),
    });
    await sheets.sync();
    await sheets.validate();
    expect(await sheets.lastRun()).toMatchObject({ kind: "validation", status: "succeeded" });
    const kept = sheets.figures().filter((row) => row.length > 0);
    expect(kept.sort()).toEqual([DAY("2026-01-01", 3), DAY("2026-01-02", 4)]);
  });
});

describe("the schedule", () => {
  const plan = async () => {
    await db.superuser.query("select graphile_worker.add_job('integration__enqueue')");
    await sheets.work();
    expect(await queuedJobs(db)).toEqual([]);
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
