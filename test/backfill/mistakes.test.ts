import { beforeAll, describe, expect, it } from "@jest/globals";

import { readBackfill } from "../../src/backfill/readBackfill.ts";
import { runBackfill } from "../../src/backfill/runBackfill.ts";
import { useTestDatabase } from "../support/database.ts";
import { ofPatients, useBackfillFolder } from "./backfillFiles.ts";
import { createTown, hashPatients } from "./patientRows.ts";

const db = useTestDatabase();
const folder = useBackfillFolder();
const TRIM = "btrim(p.city) as city";
const NOBODY = "01900000-0000-7000-8000-000000000009";

let organizationId: string;
let hash: string;
beforeAll(async () => {
  ({ organizationId } = await createTown(db, 6));
  await createTown(db, 1);
  hash = await hashPatients(db, organizationId);
  await db.superuser.query(`
    create function app_private.move_everybody() returns text as $$
      update app_public.patients set city = 'Elsewhere' returning 'x'
    $$ language sql volatile;
    grant execute on function app_private.move_everybody() to app_data;
    create table app_public.countries (id uuid primary key, name text);
    create table app_public.towns (name text primary key, organization_id uuid);
    grant select, update on app_public.countries, app_public.towns to app_data`);
});

const of = (table: string, select: string) =>
  `-- A title.\n-- Table: ${table}\nselect ${select} from ${table} p where p.id = any ($1::uuid[])\n`;

describe("a backfill is refused, and changes nothing,", () => {
  it.each([
    ["without a header", "select 1", /must start with a sentence, '-- Table: schema\.table'/],
    [
      "of a table without a schema",
      "-- A title.\n-- Table: patients\nselect $1",
      /must start with a sentence/,
    ],
    [
      "of batches without rows",
      "-- A title.\n-- Table: a.b\n-- Batch: 0\nselect $1",
      /from 1 to 10000 rows; got '0'/,
    ],
    ["that knows no batch", ofPatients(TRIM, "true"), /must read the rows of its batch only/],
    [
      "of an unknown table",
      of("app_public.nothing", "p.id, 1 as a"),
      /^There is no table app_public\.nothing\.$/,
    ],
    ["of a table without such a key", of("app_public.towns", "p.id, 1 as a"), /not a uuid named id/],
    [
      "of a table that is no organization's",
      of("app_public.countries", "p.id, 1 as a"),
      /no policy all_in_data_scope/,
    ],
    [
      "of a table out of reach",
      of("app_vault.device_keys", "p.id, 1 as a"),
      /no policy all_in_data_scope|permission/,
    ],
    [
      "with a mistake, at its place",
      ofPatients("btrim(p.town) as city"),
      /column p\.town does not exist[^]*4:20\n/,
    ],
    [
      "that is two queries",
      ofPatients("1 as city from app_public.patients p) as given; select ("),
      /must be one query; it has 2/,
    ],
    [
      "without the rows' ids",
      ofPatients(TRIM).replace("p.id,", "p.id as key,"),
      /must give id and new values/,
    ],
    ["without values", ofPatients(TRIM).replace(`, ${TRIM}`, ""), /must give id and new values/],
    ["with a value twice", ofPatients(`${TRIM}, p.region as city`), /each once; it gives id, city, city/],
    [
      "with an unknown column",
      ofPatients("1 as town"),
      /gives town: app_public\.patients has no such column/,
    ],
    ["that moves rows", ofPatients(`'${NOBODY}'::uuid as organization_id`), /does not let it be given/],
    [
      "with a value of another type",
      ofPatients("1 as birth_date"),
      /is of type date but expression is of type integer/,
    ],
    [
      "that speaks of other rows",
      ofPatients(TRIM, "p.id <> all ($1::uuid[])"),
      /for 2 rows that are not of its batch/,
    ],
    [
      "with two values for a row",
      `${ofPatients(TRIM).split(";")[0]} union all select p.id, 'x' from app_public.patients p where p.id = any ($1)`,
      /more than one row of values/,
    ],
    [
      "that writes by itself",
      ofPatients("app_private.move_everybody() as city"),
      /in a read-only transaction/,
    ],
    ["that locks rows", `${ofPatients(TRIM).split(";")[0]} for update`, /in a read-only transaction/],
  ])("%s", async (title, text, message) => {
    const name = `m_${title.replaceAll(/[^a-z]+/g, "_")}`;
    const attempt = async () =>
      runBackfill(db.urls.data, await folder.write(name, text), { organizations: [organizationId] });
    await expect(attempt()).rejects.toThrow(message);
    expect(await hashPatients(db, organizationId)).toBe(hash);
    const { rows } = await db.superuser.query("select count(*)::int from app_private.backfill_originals");
    expect(rows).toEqual([{ count: 0 }]);
  });

  it.each([
    ["that is not there", "nothing", /There is no backfill 'nothing' in .*: it has .*known/],
    ["by the path of another file", "../package", /There is no backfill '\.\.\/package'/],
  ])("%s", async (_title, name, message) => {
    await folder.write("known", ofPatients(TRIM));
    await expect(readBackfill(folder.path, name)).rejects.toThrow(message);
  });

  it.each([
    ["over nobody", undefined, /^Say whose rows: --organization ID/],
    ["over an organization that is not there", [NOBODY], /^There is no organization 0190/],
  ])("%s", async (_title, organizations, message) => {
    const backfill = await folder.write("whose", ofPatients(TRIM));
    await expect(runBackfill(db.urls.data, backfill, { organizations })).rejects.toThrow(message);
  });

  it("when a trigger keeps rows back, which would pass for success", async () => {
    await db.superuser.query(`
      create function app_private.keep_back() returns trigger as 'begin return null; end' language plpgsql;
      create trigger _000_keep_back before update on app_public.patients
        for each row when (OLD.mrn = 'N-5') execute function app_private.keep_back()`);
    const backfill = await folder.write("kept_back", ofPatients(TRIM));
    const attempt = runBackfill(db.urls.data, backfill, { organizations: [organizationId] });
    await expect(attempt).rejects.toThrow("Of 2 rows 1 were changed: nothing of this batch is kept.");
    await db.superuser.query("drop trigger _000_keep_back on app_public.patients");
    const { rows } = await db.superuser.query(
      "select status, rows_done::int from app_private.backfill_runs where name = 'kept_back'",
    );
    expect(rows).toEqual([{ status: "failed", rows_done: 4 }]);
    // What stopped it is gone; the same command goes on.
    expect(await runBackfill(db.urls.data, backfill, { organizations: undefined })).toMatchObject({
      isResumed: true,
      rowsDone: 6,
      rowsChanged: 6,
    });
  });
  it("when a trigger ends it in words of its own, which are not repeated", async () => {
    await db.superuser.query(`
      create function app_private.tell() returns trigger as $$
      begin raise exception 'No % for me.', NEW.city using errcode = 'ZZZZZ'; end $$ language plpgsql;
      create trigger _000_tell before update on app_public.patients for each row execute function app_private.tell()`);
    const backfill = await folder.write("told", ofPatients("'Springfield' as city"));
    const attempt = runBackfill(db.urls.data, backfill, { organizations: [organizationId] });
    await expect(attempt).rejects.toThrow(/^The batch is rolled back: a row was refused \(ZZZZZ\)$/);
    await db.superuser.query("drop trigger _000_tell on app_public.patients");
  });
});
