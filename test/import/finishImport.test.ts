import { describe, expect, it } from "@jest/globals";

import { createPerson } from "../../src/access/world/people.ts";
import { importSynthea } from "../../src/import/synthea/importSynthea.ts";
import { useTestDatabase } from "../support/database.ts";
import { addVisit, sampleExport, writeExport } from "./syntheaExport.ts";

const db = useTestDatabase();
const TIMEZONE = "America/New_York";

describe("an import", () => {
  it("makes the named person the owner of what it brings, and nobody else", async () => {
    const owner = await createPerson(db.superuser);
    const other = await createPerson(db.superuser);
    const sample = sampleExport();
    const visit = addVisit(sample, { at: "2023-01-27T16:17:47Z" });
    await importSynthea(db.urls.data, {
      folder: writeExport(sample),
      timezone: TIMEZONE,
      ownerId: owner.userId,
    });
    const seen = "select external_id from app_public.appointments";
    await db.asUser(owner, async ({ rows, become }) => {
      expect(await rows(seen)).toEqual([{ external_id: visit.Id }]);
      await become(other);
      expect(await rows(seen)).toEqual([]);
    });
  });

  it("leaves metrics of its history, which a second run finds right", async () => {
    const sample = sampleExport();
    addVisit(sample, { at: "2023-02-03T16:17:47Z" });
    const folder = writeExport(sample);
    const completed = async () =>
      (
        await db.superuser.query(
          `select day::text, value::int, updated_at from app_public.appointment_metrics
           where metric_key = 'appointments_completed' and day = '2023-02-03'`,
        )
      ).rows;
    await importSynthea(db.urls.data, { folder, timezone: TIMEZONE });
    const first = await completed();
    expect(first).toMatchObject([{ day: "2023-02-03", value: 1 }]);
    await importSynthea(db.urls.data, { folder, timezone: TIMEZONE });
    expect(await completed()).toEqual(first);
  });
});
