import { describe, expect, it } from "@jest/globals";

import { commitAs } from "../outbound/deliveries.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs } from "../support/jobs.ts";
import { DAY, SPREADSHEET, useSheetWorld } from "./sheetWorld.ts";

const db = useTestDatabase();
const sheets = useSheetWorld(db);

/** As if the figures had been written then, a minute after each other; their triggers would say that it is now. */
const changedBefore = (interval: string) =>
  db.superuser.query(
    `begin;
     set local session_replication_role = replica;
     update app_public.metric_aggregations
     set updated_at = now() - interval '${interval}' + (starts_on - date '2026-01-01') * interval '1 minute';
     commit`,
  );
describe("a sync", () => {
  it("writes the clinic's figures below a head, and makes the sheet longer", async () => {
    await sheets.receiveCalls(0, [3, 4, 5]);
    await sheets.receiveCalls(0, [100], sheets.world.there.clinic);
    await sheets.receiveCalls(0, [200], sheets.world.abroad.clinic);
    await sheets.sync();
    expect(await sheets.lastRun()).toEqual({
      kind: "sync",
      status: "succeeded",
      rows_read: 3,
      rows_written: 3,
      failure: null,
    });
    expect(sheets.tab.rows[0]).toEqual(["key", "changed", "day", "area", "metric", "source", "sum", "count"]);
    expect(sheets.figures()).toEqual([DAY("2026-01-01", 3), DAY("2026-01-02", 4), DAY("2026-01-03", 5)]);
    expect(sheets.tab.length).toBe(4);
    expect(sheets.google.spreadsheets.get(SPREADSHEET)?.[0]?.rows).toEqual([["mine"]]);
    expect(sheets.google.bodies.join("")).not.toContain("canary-note");
  });

  it("writes what has changed at its place, adds what is new, and changes nothing when it runs again", async () => {
    await sheets.receiveCalls(0, [3, 4]);
    await sheets.sync();
    await changedBefore("1 hour");
    await db.superuser.query("update app_public.call_metrics set value = 9 where day = '2026-01-01'");
    await sheets.receiveCalls(2, [5]);
    await sheets.sync();
    const expected = [DAY("2026-01-01", 9), DAY("2026-01-02", 4), DAY("2026-01-03", 5)];
    expect(sheets.figures()).toEqual(expected);
    await sheets.sync();
    expect(sheets.figures()).toEqual(expected);
  });

  it("empties the place of a figure that is gone, and fills it again", async () => {
    await sheets.receiveCalls(0, [3, 4]);
    await sheets.sync();
    await db.superuser.query("delete from app_public.call_metrics where day = '2026-01-01'");
    await sheets.sync();
    expect(sheets.figures()).toEqual([[], DAY("2026-01-02", 4)]);
    await sheets.receiveCalls(5, [7]);
    await sheets.sync();
    expect(sheets.figures()).toEqual([DAY("2026-01-06", 7), DAY("2026-01-02", 4)]);
  });

  it("goes on after Google was away, from where it had come", async () => {
    await sheets.receiveCalls(
      0,
      Array.from({ length: 520 }, (_, n) => n + 1),
    );
    sheets.tab.length = 1000;
    await changedBefore("1 day");
    await commitAs(db, sheets.world.owner, "select app_public.sync_integration($1)", [sheets.integrationId]);
    // Token, properties, head, writing the head, marks and the first page; then it is away.
    sheets.google.failAfter(6, 503);
    await sheets.work();
    expect(await sheets.lastRun()).toMatchObject({
      status: "failed",
      rows_written: 500,
      failure: "Google did not answer, or asked to wait.",
    });
    expect((await queuedJobs(db)).filter(({ task }) => task === "integration__sync")).toHaveLength(1);
    await db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
    await sheets.work();
    // Five minutes are read again: five rows.
    expect(await sheets.lastRun()).toMatchObject({ status: "succeeded", rows_written: 25 });
    expect(sheets.figures()).toHaveLength(520);
    expect(new Set(sheets.figures().map(([day]) => day)).size).toBe(520);
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
    const id = await sheets.connect(settings);
    await sheets.sync(id);
    await sheets.sync(id);
    expect(await sheets.lastRun()).toMatchObject({ status: "failed", rows_written: 0, failure });
    expect(await queuedJobs(db)).toEqual([]);
    const { rows } = await db.superuser.query(
      "select user_id from app_public.notifications where kind = 'integration_failed' and subject_id = $1 order by 1",
      [id],
    );
    expect(rows.map(({ user_id: userId }) => userId)).toEqual(
      [sheets.world.owner.userId, sheets.world.admin.userId].sort(),
    );
    expect(sheets.google.spreadsheets.get(SPREADSHEET)?.[0]?.rows).toEqual([["mine"]]);
  });

  it("is denied to who does not run the clinic, and to a job of another organization", async () => {
    for (const person of [
      sheets.world.here.provider,
      sheets.world.there.clinicAdmin,
      sheets.world.abroad.clinicAdmin,
    ]) {
      await db.asUser(person, (request) =>
        expect(
          request.attempt("select app_public.sync_integration($1)", [sheets.integrationId]),
        ).rejects.toMatchObject({ code: "NTFND" }),
      );
    }
    await db.superuser.query(
      `select graphile_worker.add_job('integration__sync',
         json_build_object('organizationId', $1::uuid, 'integrationId', $2::uuid))`,
      [sheets.world.foreign, sheets.integrationId],
    );
    await sheets.work();
    expect(await sheets.lastRun()).toEqual({});
    expect(sheets.google.requests).toEqual([]);
  });
});
