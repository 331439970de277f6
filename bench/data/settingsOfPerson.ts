import { type PgSettings, pgSettings } from "../../src/auth/pgSettings.ts";
import type { BenchPerson } from "./people.ts";

const NOWHERE = { organizationId: null, clinicId: null };

/** The settings of a request with this person's token, for statements that are sent without a server. */
export function settingsOfPerson({ userId, sessionId }: BenchPerson): PgSettings {
  return pgSettings(
    { userId, sessionId, ...NOWHERE, expiresAt: Number.MAX_SAFE_INTEGER },
    { ...NOWHERE, purposeOfUse: null },
    "bench",
  );
}
