import { type Asker, demoAsker, demoAskers } from "../../src/access/sample/demoAskers.ts";
import type { TestDatabase } from "../support/database.ts";

/** Everybody of the demo, and some of them again in requests that a header narrows to one clinic or organization. */
export async function narrowedAskers({ superuser }: TestDatabase): Promise<Asker[]> {
  const { rows } = await superuser.query<{ clinicId: string; organizationId: string }>(
    `select id as "clinicId", organization_id as "organizationId" from app_public.clinics order by name`,
  );
  return [
    ...demoAskers(),
    ...rows.map(({ clinicId }) => demoAsker("alice", { clinicId })),
    ...rows.slice(0, 1).map(({ organizationId }) => demoAsker("bob", { organizationId })),
  ];
}
