import { describe, expect, it } from "@jest/globals";

import { createAdministrator } from "../../src/access/world/people.ts";
import { listIssues, readRun } from "../../src/backfill/backfillRuns.ts";
import { type BackfillOptions, runBackfill } from "../../src/backfill/runBackfill.ts";
import { useTestDatabase } from "../support/database.ts";
import { ofPatients, useBackfillFolder } from "./backfillFiles.ts";
import { cities, createTown, hashPatients } from "./patientRows.ts";

const db = useTestDatabase();
const folder = useBackfillFolder();

/** Runs a backfill whose text is new to this file. */
async function run(name: string, text: string, options: BackfillOptions) {
  return runBackfill(db.urls.data, await folder.write(name, text), options);
}

async function count(from: string, values: unknown[] = []): Promise<number> {
  return Number((await db.superuser.query(`select count(*) from ${from}`, values)).rows[0].count);
}

async function ids(organizationId: string): Promise<string[]> {
  const sql = "select id from app_public.patients where organization_id = $1";
  return (await db.superuser.query(sql, [organizationId])).rows.map(({ id }) => id);
}

describe("a backfill", () => {
  it("changes every row of its organizations in batches, and keeps what they were", async () => {
    const { organizationId } = await createTown(db, 10);
    const report = await run("trims", ofPatients("btrim(p.city) as city"), {
      organizations: [organizationId],
    });
    expect(report).toMatchObject({
      isResumed: false,
      rowsTotal: 10,
      rowsDone: 10,
      rowsChanged: 10,
      problems: [],
    });
    expect(await cities(db, organizationId)).toEqual(Array.from({ length: 10 }, (_, n) => `Town ${n + 1}`));
    const { rows } = await db.superuser.query(
      `select original ->> 'city' as city, written - 'updated_at' as written
       from app_private.backfill_originals where run_id = $1 order by row_id limit 1`,
      [report.run],
    );
    expect(rows).toEqual([{ city: " Town 1 ", written: { city: "Town 1" } }]);
    expect(await count("app_private.backfill_batches where run_id = $1", [report.run])).toBe(3);
    const client = await db.superuser.connect();
    expect(await readRun(client, report.run ?? "")).toMatchObject({ status: "finished", rowsDone: 10 });
    client.release();
  });

  it("leaves one event for each row that it changes, with the run's id and its name", async () => {
    const { organizationId } = await createTown(db, 5);
    const { run: id } = await run("events", ofPatients("btrim(p.city) as city"), {
      organizations: [organizationId],
    });
    const { rows } = await db.superuser.query(
      `select actor_role, operation, changed_fields, count(*)::int from app_audit.events
       where request_id = $1 group by 1, 2, 3`,
      [id],
    );
    const event = {
      actor_role: "app_data",
      operation: "backfill events",
      changed_fields: ["city"],
      count: 5,
    };
    expect(rows).toEqual([event]);
  });

  it("does nothing to rows that have their new values already, a second run included", async () => {
    const { organizationId } = await createTown(db, 5);
    const text = ofPatients("btrim(p.city) as city");
    await run("twice", text, { organizations: [organizationId] });
    const before = await db.superuser.query(
      "select id, xmin, updated_at from app_public.patients order by id",
    );
    const second = await run("twice", text, { organizations: [organizationId] });
    expect(second).toMatchObject({ isResumed: false, rowsDone: 5, rowsChanged: 0 });
    const after = await db.superuser.query(
      "select id, xmin, updated_at from app_public.patients order by id",
    );
    expect(after.rows).toEqual(before.rows);
  });

  it("cannot reach an organization that it was not given, and with --all reaches each", async () => {
    const own = await createTown(db, 3);
    const foreign = await createTown(db, 3);
    const untouched = await hashPatients(db, foreign.organizationId);
    // It would like to: every patient of the database is to have the city of the batch.
    const text = ofPatients("(select count(*)::text from app_public.patients) as city");
    const report = await run("scope", text, { organizations: [own.organizationId] });
    expect(report).toMatchObject({ rowsTotal: 3, rowsChanged: 3 });
    // What it can count is its own organization's.
    expect(await cities(db, own.organizationId)).toEqual(["3", "3", "3"]);
    expect(await hashPatients(db, foreign.organizationId)).toBe(untouched);
    await run("everybody", ofPatients("'Everywhere' as city"), { organizations: "all" });
    expect(await count("app_public.patients where city = 'Everywhere'")).toBe(
      await count("app_public.patients"),
    );
  });

  it("records rows that are refused, without a value of theirs, and goes on with the others", async () => {
    const { organizationId } = await createTown(db, 9);
    const sick = ["N-3", "N-4", "N-8"];
    const text = ofPatients(`
      case p.mrn when 'N-3' then null when 'N-8' then '1750-07-28'::date else p.birth_date end as birth_date,
      case p.mrn when 'N-4' then (p.city::integer)::text else btrim(p.city) end as city`);
    const report = await run("issues", text, { organizations: [organizationId] });
    expect(report).toMatchObject({ rowsDone: 9, rowsChanged: 6 });
    expect(report.problems).toEqual([
      { problem: "22P02: a value cannot be converted or is out of range", rows: 1 },
      { problem: "23502: a value is missing (birth_date)", rows: 1 },
      { problem: "BADIN: A date of birth is between 1880 and today.", rows: 1 },
    ]);
    const { rows: patients } = await db.superuser.query(
      "select id, mrn from app_public.patients where organization_id = $1 and city like ' %' order by id",
      [organizationId],
    );
    expect(patients.map(({ mrn }) => mrn)).toEqual(sick);
    const client = await db.superuser.connect();
    const issues = await listIssues(client, report.run ?? "");
    client.release();
    expect(issues.map(({ rowId }) => rowId).sort()).toEqual(patients.map(({ id }) => id));
    expect(JSON.stringify(issues)).not.toMatch(/Town|1750/);
  });

  it("changes no row of a batch that cannot be put into the books", async () => {
    const { organizationId } = await createTown(db, 6);
    await db.superuser.query(`
      create function app_private.refuse_batch() returns trigger as $$
      begin raise exception 'x' using errcode = '54000'; end $$ language plpgsql;
      create trigger refuse_batch before insert on app_private.backfill_batches
        for each row when (NEW.number = 2) execute function app_private.refuse_batch()`);
    const attempt = run("books", ofPatients("btrim(p.city) as city"), { organizations: [organizationId] });
    await expect(attempt).rejects.toThrow("The batch is rolled back: x (54000)");
    await db.superuser.query("drop trigger refuse_batch on app_private.backfill_batches");
    expect((await cities(db, organizationId)).slice(3)).toEqual(["Town 4", " Town 5 ", " Town 6 "]);
    expect(
      await count("app_private.backfill_originals o where o.row_id = any ($1)", [await ids(organizationId)]),
    ).toBe(4);
  });

  it("keeps nothing of a dry run, and says what a real one would do", async () => {
    const { organizationId } = await createTown(db, 6);
    const tables = ["backfill_runs", "backfill_batches", "backfill_issues", "backfill_originals"];
    const books = () => Promise.all(tables.map((table) => count(`app_private.${table}`)));
    const before = [await hashPatients(db, organizationId), await books(), await count("app_audit.events")];
    const text = ofPatients("case p.mrn when 'N-2' then 1 / (length(p.city) * 0) end::text as city");
    const report = await run("dry", text, { organizations: [organizationId], isDryRun: true });
    expect(report).toMatchObject({ run: null, rowsTotal: 6, rowsDone: 6, rowsChanged: 5 });
    expect(report.problems).toEqual([{ problem: expect.stringContaining("22012"), rows: 1 }]);
    expect([await hashPatients(db, organizationId), await books(), await count("app_audit.events")]).toEqual(
      before,
    );
  });
});

describe("a role other than app_data", () => {
  it.each(["gateway", "worker", "owner"] as const)("cannot run a backfill: %s", async (role) => {
    const { organizationId } = await createTown(db, 1);
    const backfill = await folder.write("denied", ofPatients("btrim(p.city) as city"));
    const attempt = runBackfill(db.urls[role], backfill, { organizations: [organizationId] });
    await expect(attempt).rejects.toThrow(/permission denied/);
    expect(await cities(db, organizationId)).toEqual([" Town 1 "]);
  });
});

describe("the ids of all organizations", () => {
  const IDS = "select o as id from app_private.organization_ids() as o";

  it("can be had by app_data, whatever it has declared", async () => {
    const { organizationId } = await createTown(db, 0);
    await db.asData([], async ({ rows }) => {
      expect(await rows(IDS)).toHaveLength(await count("app_public.organizations"));
      expect(await rows(IDS)).toContainEqual({ id: organizationId });
      expect(await rows("select from app_public.organizations")).toEqual([]);
    });
  });

  it("cannot be had by a person or a job", async () => {
    const { organizationId } = await createTown(db, 0);
    const person = await createAdministrator(db.superuser, organizationId, "owner");
    await expect(db.asUser(person, ({ rows }) => rows(IDS))).rejects.toMatchObject({ code: "42501" });
    await expect(db.asWorker(organizationId, ({ rows }) => rows(IDS))).rejects.toMatchObject({
      code: "42501",
    });
  });
});
