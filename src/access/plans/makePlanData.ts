import type { DatabaseUrls } from "../../database/databaseUrls.ts";
import { withClient } from "../../database/withClient.ts";
import { type GenerateOptions, generateVolume } from "../../generate/generateVolume.ts";
import { fillTables } from "./fillTables.ts";
import { PLAN_DAY } from "./planPeople.ts";

/** Fills a migrated, empty database with a hundred organizations' rows in every table. It is for reading from then on. */
export async function makePlanData(
  urls: Pick<DatabaseUrls, "superuser" | "data" | "owner">,
  appointments: number,
  options: GenerateOptions = {},
): Promise<void> {
  const shape = { organizations: 100, clinics: 200, patients: Math.round(appointments / 10), seed: 1 };
  await generateVolume(urls, { ...shape, appointments, around: PLAN_DAY }, options);
  options.signal?.throwIfAborted();
  await withClient(urls.superuser, fillTables);
}
