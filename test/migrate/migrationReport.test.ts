import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, describe, expect, it } from "@jest/globals";

import { withDatabase } from "../../src/database/databaseUrls.ts";
import { useTestDatabase } from "../support/database.ts";
import { useReleases } from "./useReleases.ts";

const db = useTestDatabase();
const releases = useReleases(db);
const { commit, takeReports, up } = releases;
/** `pg_sleep` is not the owner's to call. */
const SLOW = `do $$ declare till timestamptz := clock_timestamp() + interval '0.3 s';
begin while clock_timestamp() < till loop null; end loop; end $$;`;
const taken: (() => void)[] = [];
afterEach(() =>
  taken
    .splice(0)
    .reverse()
    .forEach((takeBack) => takeBack()),
);

/** To be taken back: it never runs. */
function commitForNow(topic: string, sql: string): string {
  const { file, takeBack } = commit(topic, sql);
  taken.push(takeBack);
  return file;
}

async function whileItRuns(): Promise<void> {
  for (let running = 0; running === 0; await sleep(10)) {
    const { rows } = await db.superuser.query(
      "select from pg_stat_activity where datname = current_database() and query like '%< till loop%' and pid <> pg_backend_pid()",
    );
    running = rows.length;
  }
}

describe("the report", () => {
  it("says which migration failed, by which code, and what to do: without the value it failed for", async () => {
    const { file: slow } = commit("slow", SLOW);
    const bad = commitForNow("bad", "create table app_public.half_done ();\nselect 'Ada Lovelace'::date;");
    const rest = commitForNow("rest", "select 1;");
    const told = await up().catch((error: Error) => error.message);
    expect(told).toBe(
      `${bad} failed: invalid input syntax for type date: […] (SQLSTATE 22007). Nothing of ${bad} was changed: its transaction was rolled back, ` +
        "and the migrations before it stay. The release before works on this schema: leave it running, mend the cause, and run 'npx bailiwick migrate up' again.",
    );
    const [report] = takeReports();
    expect(report).toMatchObject({
      migrations: [
        { file: slow, outcome: "committed", milliseconds: expect.any(Number) },
        { file: bad, outcome: "failed", milliseconds: expect.any(Number) },
        { file: rest, outcome: "not run", milliseconds: null },
      ],
      access: null,
      failure: {
        migration: bad,
        error: { sqlState: "22007", message: "invalid input syntax for type date: […]" },
        recovery: expect.stringMatching(
          /^Nothing of .*-bad\.sql was changed: its transaction was rolled back/,
        ),
      },
    });
    const [longer, shorter] = report?.migrations.map(({ milliseconds }) => milliseconds ?? 0) ?? [];
    expect(longer).toBeGreaterThanOrEqual(300);
    expect(shorter).toBeLessThan(longer ?? 0);
    expect(JSON.stringify(report)).not.toContain("Lovelace");
    const { rows } = await db.superuser.query("select to_regclass('app_public.half_done') as half");
    expect(rows).toEqual([{ half: null }]);
  });

  it("has no value either where a developer is told the one that it failed for", async () => {
    commitForNow("typed", "select 'Ada Lovelace'::date;");
    await expect(up({}, { environment: "development" })).rejects.toThrow("Ada Lovelace");
    expect(JSON.stringify(takeReports())).not.toContain("Lovelace");
  });

  it("says so where a migration ran outside of a transaction, and half of it may be there", async () => {
    const bad = commitForNow("loose", "--! no-transaction\nselect 1/0;");
    await expect(up()).rejects.toThrow(/division by zero/);
    expect(takeReports()).toMatchObject([
      {
        failure: {
          migration: bad,
          error: { sqlState: "22012" },
          recovery: expect.stringMatching(/runs outside of a transaction, .*restore the backup/),
        },
      },
    ]);
  });

  it("is there before the first migration, for whoever is killed, and does not say that nothing was changed", async () => {
    const { file } = commit("cut", SLOW);
    let begun: unknown[] = [];
    const cut = async () => {
      await whileItRuns();
      begun = takeReports();
      await db.superuser.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'bailiwick migrate'",
      );
    };
    const [attempt] = await Promise.allSettled([up(), cut()]);
    expect(attempt.status).toBe("rejected");
    const unknown = {
      migrations: [{ file, outcome: "unknown" }],
      failure: { recovery: expect.stringMatching(/is not known: .*migrate status/) },
    };
    expect(begun).toMatchObject([{ ...unknown, finishedAt: null }]);
    expect(takeReports()).toMatchObject([{ ...unknown, finishedAt: expect.any(String) }]);
  });

  it("names no migration where the set-up failed", async () => {
    commitForNow("never", "select 1;");
    const worker = withDatabase(db.urls.worker, "not_here");
    await expect(up({}, { urls: { ...db.urls, worker } })).rejects.toThrow(/not_here/);
    expect(takeReports()).toMatchObject([
      {
        migrations: [{ outcome: "not run" }],
        failure: { migration: null, recovery: expect.stringMatching(/^No migration has run\./) },
      },
    ]);
  });

  it("is a line of the log where the folder takes no file", async () => {
    const { file } = commit("logged", "select 1;");
    const logFolder = join(releases.folder, "a-file");
    writeFileSync(logFolder, "");
    expect((await up({}, { logFolder }))?.open).toEqual([]);
    expect(releases.lines.at(-1)).toMatchObject({
      level: 40,
      msg: expect.stringMatching(/^No report can be written into '.*a-file' \(MIGRATION_LOG_FOLDER\)/),
      report: { migrations: [{ file, outcome: "committed" }], failure: null },
    });
  });

  it("has what a migration leaves open, and so has the answer", async () => {
    commit("open", "alter table app_public.patients disable row level security;");
    const found = await up();
    const open = { severity: "critical", object: expect.stringContaining("app_public.patients") };
    expect(found?.open).toEqual(expect.arrayContaining([expect.objectContaining(open)]));
    const [report] = takeReports();
    expect(report).toMatchObject({ failure: null });
    expect(report?.access?.open).toEqual(expect.arrayContaining([expect.objectContaining(open)]));
  });
});
