import { beforeAll, describe, expect, it } from "@jest/globals";

import { type Request, type Scope, useTestDatabase } from "../../support/database.ts";
import type { Person } from "../../support/people.ts";
import { createWorld, type World } from "../../support/world.ts";
import { type Kind, KINDS, REFUSED, VISIBLE, WRITES } from "./matrix.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query(
    `insert into app_public.invitations (organization_id, email, organization_role, code_hash, expires_at)
     values ($1, 'invited@example.com', 'member', sha256('other'), now() + interval '1 day')`,
    [world.own],
  );
});

/** The person of each kind, and what their request says besides. */
function actorOf(kind: Kind): { person: Person | null; scope?: Scope } {
  const { here, there, abroad, owner, admin, portal, superadmin, stranger } = world;
  const { clinicAdmin, provider, staff, viewer } = here;
  const people = { clinicAdmin, provider, staff, viewer, owner, admin, portal, superadmin, stranger };
  switch (kind) {
    case "anonymous":
      return { person: null };
    case "elsewhere":
      return { person: there.provider };
    case "foreigner":
      return { person: abroad.provider };
    case "support":
      return { person: superadmin, scope: { purposeOfUse: "support" } };
    default:
      return { person: people[kind] };
  }
}

function as<T>(kind: Kind, work: (request: Request) => Promise<T>): Promise<T> {
  const { person, scope } = actorOf(kind);
  return person === null ? db.asAnonymous(work) : db.asUser(person, work, scope);
}

/** How many rows a write touched; a refusal counts as none, any other failure is one. */
async function touched(request: Request, sql: string, values: unknown[]): Promise<number> {
  try {
    return await request.attempt(sql, values);
  } catch (error) {
    expect((error as { code?: string }).code).toBe("42501");
    return 0;
  }
}

it("has a line for every table of the API", async () => {
  const { rows } = await db.superuser.query(
    "select relname from pg_class where relnamespace = 'app_public'::regnamespace and relkind in ('r', 'p')",
  );
  expect(rows.map(({ relname }) => relname).sort()).toEqual(Object.keys(VISIBLE).sort());
});

describe.each(KINDS)("as %s", (kind) => {
  it("sees exactly its own rows of every table", async () => {
    const seen = await as(kind, async (request) => {
      const counts: Record<string, number> = {};
      for (const table of Object.keys(VISIBLE)) {
        counts[table] = await request
          .attempt(`select ${keyOf(table)} from app_public.${table}`)
          .catch((error: { code?: string }) => {
            expect(error.code).toBe("42501");
            return 0;
          });
      }
      return counts;
    });
    const expected = Object.fromEntries(
      Object.entries(VISIBLE).map(([table, counts]) => [table, counts[kind]]),
    );
    expect(seen).toEqual(expected);
  });

  it.each(WRITES)("$title", async ({ sql, values, allowed }) => {
    const count = await as(kind, (request) => touched(request, sql, values(world)));
    expect(count).toBe(allowed.includes(kind) ? 1 : 0);
  });

  it.each(REFUSED)("denies %s", async (sql) => {
    await as(kind, (request) => expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" }));
  });
});

function keyOf(table: string): string {
  return table === "profiles" ? "user_id" : "id";
}
