import { describe, expect, it } from "@jest/globals";

import { forgetOriginals } from "../../src/backfill/forgetOriginals.ts";
import { reverseBackfill } from "../../src/backfill/reverseBackfill.ts";
import { runBackfill } from "../../src/backfill/runBackfill.ts";
import { useTestDatabase } from "../support/database.ts";
import { ofPatients, useBackfillFolder } from "./backfillFiles.ts";
import { cities, createTown, hashPatients } from "./patientRows.ts";

const db = useTestDatabase();
const folder = useBackfillFolder();

async function run(name: string, text: string, organizationId: string): Promise<string> {
  const report = await runBackfill(db.urls.data, await folder.write(name, text), {
    organizations: [organizationId],
  });
  return report.run ?? "";
}

async function books(runId: string): Promise<{ status: string; originals: number }> {
  const { rows } = await db.superuser.query(
    `select r.status, (select count(*)::int from app_private.backfill_originals o where o.run_id = r.id) as originals
     from app_private.backfill_runs r where r.id = $1`,
    [runId],
  );
  return rows[0];
}

describe("a reversal", () => {
  it("gives every row back what it was, once", async () => {
    const { organizationId } = await createTown(db, 10);
    const hash = await hashPatients(db, organizationId);
    const id = await run("whole", ofPatients("btrim(p.city) as city, 'R' as region"), organizationId);
    expect(await hashPatients(db, organizationId)).not.toBe(hash);
    expect(await reverseBackfill(db.urls.data, id)).toMatchObject({ rowsRestored: 10, conflicts: [] });
    expect(await hashPatients(db, organizationId)).toBe(hash);
    expect(await books(id)).toEqual({ status: "reverted", originals: 0 });
    expect(await reverseBackfill(db.urls.data, id)).toMatchObject({ rowsRestored: 0, conflicts: [] });
    const { rows } = await db.superuser.query(
      "select count(*)::int from app_audit.events where operation = 'backfill reverse whole' and request_id = $1",
      [id],
    );
    expect(rows).toEqual([{ count: 10 }]);
  });

  it("leaves rows alone that were changed since, or are gone, and lists them", async () => {
    const { organizationId } = await createTown(db, 6);
    const id = await run("conflicts", ofPatients("btrim(p.city) as city"), organizationId);
    const { rows: patients } = await db.superuser.query<{ id: string }>(
      "select id from app_public.patients where organization_id = $1 order by id",
      [organizationId],
    );
    const [first, , third, fourth, fifth] = patients.map((patient) => patient.id);
    await db.superuser.query("update app_public.patients set city = 'Mine' where id = $1", [first]);
    // In a field that the run did not touch: whoever wrote it saw the row as the run had left it.
    await db.superuser.query("update app_public.patients set phone = '555-0199' where id = $1", [third]);
    await db.superuser.query("delete from app_public.patients where id = $1", [fourth]);
    // Saved, and not changed.
    await db.superuser.query("update app_public.patients set city = city where id = $1", [fifth]);
    const conflicts = [
      { rowId: first, problem: "it was changed since" },
      { rowId: third, problem: "it was changed since" },
      { rowId: fourth, problem: "it is gone" },
    ];
    const report = await reverseBackfill(db.urls.data, id);
    expect(report.rowsRestored).toBe(3);
    expect(report.conflicts).toHaveLength(3);
    expect(report.conflicts).toEqual(expect.arrayContaining(conflicts));
    expect(await cities(db, organizationId)).toEqual(["Mine", " Town 2 ", "Town 3", " Town 5 ", " Town 6 "]);
    expect(await books(id)).toEqual({ status: "reverted", originals: 3 });
    // What is as the run left it again can be restored after all.
    await db.superuser.query("update app_public.patients set city = 'Town 1' where id = $1", [first]);
    expect(await reverseBackfill(db.urls.data, id)).toMatchObject({ rowsRestored: 1 });
    expect((await cities(db, organizationId))[0]).toBe(" Town 1 ");
  });

  it("lists rows that may not be any more what they were, and restores the others", async () => {
    const { organizationId } = await createTown(db, 5);
    // As it could be before the rule of telephone numbers.
    await db.superuser.query(`
      alter table app_public.patients disable trigger _300_phone;
      update app_public.patients set phone = 'none' where mrn = 'N-2';
      alter table app_public.patients enable trigger _300_phone`);
    const id = await run("refused", ofPatients("btrim(p.city) as city, null as phone"), organizationId);
    const { rowsRestored, conflicts } = await reverseBackfill(db.urls.data, id);
    expect(rowsRestored).toBe(4);
    expect(conflicts).toEqual([
      { rowId: expect.any(String), problem: expect.stringMatching(/^BADIN: A telephone/) },
    ]);
  });

  it("goes on with what is left when it was interrupted, and lets no run begin meanwhile", async () => {
    const { organizationId } = await createTown(db, 10);
    const hash = await hashPatients(db, organizationId);
    const text = ofPatients("btrim(p.city) as city");
    const id = await run("resumed", text, organizationId);
    const interruption = new AbortController();
    const onProgress = () => interruption.abort(new Error("interrupted by SIGINT"));
    await expect(
      reverseBackfill(db.urls.data, id, { signal: interruption.signal, onProgress }),
    ).rejects.toThrow(
      "interrupted by SIGINT after 2 rows were restored; the same command goes on from there.",
    );
    // The last batch first.
    expect((await cities(db, organizationId)).slice(-3)).toEqual(["Town 8", " Town 9 ", " Town 10 "]);
    await expect(run("resumed", text, organizationId)).rejects.toThrow(/is being reversed: finish/);
    expect(await reverseBackfill(db.urls.data, id)).toMatchObject({ rowsRestored: 8, conflicts: [] });
    expect(await hashPatients(db, organizationId)).toBe(hash);
  });

  it("undoes a run that was never at its end, and cannot undo one that is not there", async () => {
    const { organizationId } = await createTown(db, 10);
    const hash = await hashPatients(db, organizationId);
    const backfill = await folder.write("half", ofPatients("btrim(p.city) as city"));
    const interruption = new AbortController();
    const options = {
      organizations: [organizationId],
      signal: interruption.signal,
      onProgress: () => interruption.abort(new Error("interrupted by SIGINT")),
    };
    await expect(runBackfill(db.urls.data, backfill, options)).rejects.toThrow("after 4 of 10 rows");
    const { rows } = await db.superuser.query("select id from app_private.backfill_runs where name = 'half'");
    expect(await reverseBackfill(db.urls.data, rows[0].id)).toMatchObject({ rowsRestored: 4 });
    expect(await hashPatients(db, organizationId)).toBe(hash);
    const nothing = reverseBackfill(db.urls.data, "01900000-0000-7000-8000-000000000009");
    await expect(nothing).rejects.toThrow(/There is no run/);
  });

  it("cannot undo what was forgotten, and what is not at its end cannot be forgotten", async () => {
    const { organizationId } = await createTown(db, 6);
    const foreign = await createTown(db, 2);
    const text = ofPatients("btrim(p.city) as city");
    const other = await run("others", text, foreign.organizationId);
    const id = await run("forgotten", text, organizationId);
    expect(await forgetOriginals(db.urls.data, id)).toBe(6);
    await expect(reverseBackfill(db.urls.data, id)).rejects.toThrow(/its originals were deleted/);
    expect(await books(other)).toEqual({ status: "finished", originals: 2 });
    await db.superuser.query("update app_private.backfill_runs set status = 'failed' where id = $1", [other]);
    await expect(forgetOriginals(db.urls.data, other)).rejects.toThrow(/not at its end \(failed\)/);
  });

  it("keeps nothing of an organization that is gone, and all of the others", async () => {
    const [gone, stays] = [await createTown(db, 3), await createTown(db, 2)];
    const organizations = [gone.organizationId, stays.organizationId];
    const backfill = await folder.write("departed", ofPatients("btrim(p.city) as city"));
    const id = (await runBackfill(db.urls.data, backfill, { organizations })).run ?? "";
    expect((await books(id)).originals).toBe(5);
    for (const [table, column] of [
      ["patients", "organization_id"],
      ["clinics", "organization_id"],
      ["organizations", "id"],
    ]) {
      await db.superuser.query(`delete from app_public.${table} where ${column} = $1`, [gone.organizationId]);
    }
    expect((await books(id)).originals).toBe(2);
    expect(await reverseBackfill(db.urls.data, id)).toMatchObject({ rowsRestored: 2, conflicts: [] });
    expect(await cities(db, stays.organizationId)).toEqual([" Town 1 ", " Town 2 "]);
  });

  it("brings back values of every kind byte for byte", async () => {
    const { organizationId } = await createTown(db, 0);
    await db.superuser.query(`
      create table app_public.samples (
        id uuid primary key default gen_random_uuid(),
        organization_id uuid not null,
        a numeric, b double precision, c jsonb, d json, e text[], f bytea, g timestamptz, h interval, i tstzrange,
        j char(4), k boolean, l integer generated always as (length(m)) stored, m text, n date
      )`);
    await db.superuser.query("select app_private.reset_access('app_public.samples')");
    await db.superuser.query("select app_private.allow_data_role('app_public.samples')");
    await db.superuser.query(`
      insert into app_public.samples (organization_id, a, b, c, d, e, f, g, h, i, j, k, m, n) values
        ('${organizationId}', 1.00, 0.1::float8 + 0.2, 'null', '{"b": 1,  "b":2}', '{a,NULL,"x,y"}', '\\x00ff',
         '2024-02-29 12:00:00.123456+05', '1 mon -1 day', '[2024-01-01,)', 'x ', false, 'Ünï', '0044-03-15 BC'),
        ('${organizationId}', 1.0, 'NaN', null, null, null, null, 'infinity', null, 'empty', null, null, null, null)`);
    const bytes = async () =>
      (
        await db.superuser.query(
          "select s::text as row, s.c is null as is_null from app_public.samples s order by id",
        )
      ).rows;
    const before = await bytes();
    const text = `-- Samples are empty.
-- Table: app_public.samples
select s.id, 1.000 as a, null as b, '1' as c, null as d, null as e, null as f, null as g, null as h, null as i, null as j,
  null as k, 'long' as m, null as n
from app_public.samples s where s.id = any ($1::uuid[])`;
    const id = await run("samples", text, organizationId);
    expect(await bytes()).not.toEqual(before);
    expect(await reverseBackfill(db.urls.data, id)).toMatchObject({ rowsRestored: 2, conflicts: [] });
    expect(await bytes()).toEqual(before);
  });
});
