import type { ClientBase } from "pg";

import type { Claims } from "../../auth/claims.ts";
import { type PgSettings, pgSettings } from "../../auth/pgSettings.ts";
import type { RequestScope } from "../../auth/requestScope.ts";
import { DEMO_PEOPLE, type DemoPerson, type DemoPersonName, demoUserId } from "../../seed/demoPeople.ts";

/** Somebody of the demo, as a request of theirs comes. */
export interface Asker {
  title: string;
  settings: PgSettings;
}

const NO_SCOPE: RequestScope = { organizationId: null, clinicId: null, purposeOfUse: null };
const REQUEST_ID = "sample";

/**
 * What a token of the person says that names no tenant and no session: the policies look at a session only where there is
 * one, and a revoked one opens nothing.
 */
export function claimsOf(userId: string): Claims {
  return {
    userId,
    sessionId: null,
    organizationId: null,
    clinicId: null,
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
}

export function demoAsker(name: DemoPersonName | null, scope: Partial<RequestScope> = {}): Asker {
  const said = Object.values(scope).filter((value) => value !== null);
  return {
    title: [name ?? "anonymous", ...said].join(" "),
    settings: pgSettings(name && claimsOf(demoUserId(name)), { ...NO_SCOPE, ...scope }, REQUEST_ID),
  };
}

/** Every person of the demo, those who say a purpose once more with it, and a request without a token. */
export function demoAskers(): Asker[] {
  const names = Object.keys(DEMO_PEOPLE) as DemoPersonName[];
  return [
    ...names.map((name) => demoAsker(name)),
    ...names.flatMap((name) => {
      const person: DemoPerson = DEMO_PEOPLE[name];
      return person.purposeOfUse ? [demoAsker(name, { purposeOfUse: person.purposeOfUse })] : [];
    }),
    demoAsker(null),
  ];
}

/** Goes on as the asker until the savepoint of this name is rolled back to. */
export async function becomeAsker(
  client: ClientBase,
  settings: PgSettings,
  savepoint: string,
): Promise<void> {
  await client.query(`savepoint ${savepoint}`);
  const entries = Object.entries(settings);
  // In one statement: after `role` has been set, the request may no longer call set_config.
  const calls = entries.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
  await client.query(`select ${calls.join(", ")}`, entries.flat());
}
