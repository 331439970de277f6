import type { ClientBase } from "pg";

import { type Claims, isUuid } from "../../auth/claims.ts";
import { DEMO_PEOPLE, type DemoPersonName } from "../../seed/demoPeople.ts";
import { claimsOf } from "../sample/demoAskers.ts";

/** Whom a question about access is about; without claims, a request without a token. */
export interface PersonAsked {
  /** As to show it: the e-mail address, or the id of somebody without one. */
  name: string;
  claims: Claims | null;
}

export const ANONYMOUS = "anonymous";

/**
 * Finds a person by id, e-mail address, or the first name of a demo person; `anonymous` is a request without a token.
 * Without a session: the policies look at one only where a token names it, and a revoked one opens nothing.
 *
 * @param client an administrative connection.
 * @throws when there is no such person.
 */
export async function findPersonAsked(client: ClientBase, given: string): Promise<PersonAsked> {
  if (given === ANONYMOUS) {
    return { name: ANONYMOUS, claims: null };
  }
  const email = DEMO_PEOPLE[given as DemoPersonName]?.email ?? given;
  const { rows } = await client.query<{ id: string; email: string | null }>(
    "select id, email from app_public.users where case when $2 then id::text = lower($1) else email = lower($1) end",
    [email, isUuid(email)],
  );
  const [person] = rows;
  if (!person) {
    throw new Error(
      `There is no person '${given}': give the id or e-mail address of a user, the first name of a demo person (${Object.keys(DEMO_PEOPLE).join(", ")}), or '${ANONYMOUS}'.`,
    );
  }
  return { name: person.email ?? person.id, claims: claimsOf(person.id) };
}
