import { expect, it, jest } from "@jest/globals";

import { reverseBackfill } from "../../src/backfill/reverseBackfill.ts";
import { useTestDatabase } from "../support/database.ts";
import { runBailiwick } from "../support/runBailiwick.ts";
import { createTown, hashPatients } from "./patientRows.ts";

jest.setTimeout(60_000);

const db = useTestDatabase();
const bailiwick = (...args: string[]) => runBailiwick(db.config, "backfill", ...args);

it("can be listed, tried, run, looked at and reversed by an operator", async () => {
  const { organizationId } = await createTown(db, 3);
  await db.superuser.query(
    "update app_public.patients set address = e' 1  Main\\tSt\\nFlat 2\\n', region = '  ', city = 'Town' where mrn = 'N-3'",
  );
  const hash = await hashPatients(db, organizationId);
  const name = "tidy_patient_addresses";
  expect(await bailiwick("list")).toMatchObject({
    code: 0,
    output: expect.stringContaining(`${name}  app_public.patients\n`),
  });
  expect(await bailiwick("run", name, "--all", "--dry-run")).toEqual({
    code: 0,
    output: `${name} would change 3 of 3 rows of app_public.patients; nothing was kept.\n`,
  });
  const { code, output } = await bailiwick("run", name, "--all", "--json");
  expect(code).toBe(0);
  const report = JSON.parse(output);
  expect(report).toMatchObject({ backfill: name, rowsDone: 3, rowsChanged: 3, problems: [] });
  const { rows } = await db.superuser.query(
    "select address, city, region from app_public.patients order by id",
  );
  expect(rows).toEqual([
    { address: null, city: "Town 1", region: null },
    { address: null, city: "Town 2", region: null },
    { address: "1 Main St\nFlat 2", city: "Town", region: null },
  ]);
  const status = await bailiwick("status", report.run);
  expect(status.code).toBe(0);
  expect(status.output).toMatch(
    new RegExp(
      `^${report.run}  finished .*  ${name}  3 of 3 rows, 3 changed, 0 refused\n.* of 3 rows are kept.\n$`,
    ),
  );
  await db.superuser.query("update app_public.patients set city = 'Mine' where mrn = 'N-1'");
  const reversal = await bailiwick("reverse", report.run);
  expect(reversal.code).toBe(1);
  expect(reversal.output).toMatch(
    new RegExp(
      `^2 rows of app_public.patients are again .*\n1 rows were left .*\n {2}\\S{36} {2}it was changed since\n$`,
    ),
  );
  await db.superuser.query("update app_public.patients set city = 'Town 1' where mrn = 'N-1'");
  expect(await reverseBackfill(db.urls.data, report.run)).toMatchObject({ rowsRestored: 1 });
  expect(await hashPatients(db, organizationId)).toBe(hash);
});
