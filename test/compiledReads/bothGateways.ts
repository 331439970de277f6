import { beforeAll } from "@jest/globals";

import { createFullWorld, type FullWorld } from "../../src/access/world/fullWorld.ts";
import { createPatient, createSession } from "../../src/access/world/people.ts";
import { demoUserId } from "../../src/seed/demoPeople.ts";
import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import { type TestDatabase, useTestDatabase } from "../support/database.ts";
import { type TestGateway, useGateway } from "../support/graphql.ts";
import { differenceOf, type Person, readOutcomes } from "./bothWays.ts";
import type { Written } from "./DocumentWriter.ts";

const PLENTY = 1e9;
const SEEDING = 120_000;
export const AWKWARD = [
  '"quoted" \\ back',
  "line\nbreak\ttab",
  "\u0001\u001f\u007f",
  "🦊 \u2028 é",
  "</script> '",
];

export interface BothGateways {
  db: TestDatabase;
  compiled: TestGateway;
  planned: TestGateway;
  readonly world: FullWorld;
  readonly people: readonly Person[];
  /** What is different between the two; null where nothing is. */
  difference(person: Person, document: Written): ReturnType<typeof differenceOf>;
  /** The same, and what became of the query at the gateway that compiles. */
  compare(person: Person, document: Written): Promise<{ difference: object | null; outcome: object }>;
}

/**
 * A world of many people and awkward values, served by a gateway that compiles reads and by one that does not.
 *
 * @param prepare what else the schema has.
 */
export function useBothGateways(prepare?: (db: TestDatabase) => Promise<void>): BothGateways {
  const db = useTestDatabase();
  beforeAll(() => prepare?.(db));
  const [compiled, planned] = [gatewayWith(db, true), gatewayWith(db, false)];
  let world: FullWorld | undefined;
  let people: Person[] = [];
  beforeAll(async () => {
    world = await createFullWorld(db);
    await seedDatabase(db);
    await createAwkwardPatients(db, world);
    people = await findPeople(db, world);
  }, SEEDING);
  const difference = (person: Person, document: Written) =>
    differenceOf([compiled, planned], db.superuser, { person, document });
  return {
    db,
    compiled,
    planned,
    difference,
    get world() {
      return world as FullWorld;
    },
    get people() {
      return people;
    },
    async compare(person, document) {
      const before = await readOutcomes(compiled);
      const found = await difference(person, document);
      return { difference: found, outcome: changed(before, await readOutcomes(compiled)) };
    },
  };
}

/** Nobody has asked for too much: that would say nothing of either way. */
function gatewayWith(db: TestDatabase, areReadsCompiled: boolean): TestGateway {
  return useGateway(db, {
    configure: (config) => ({
      ...config,
      api: { ...config.api, areReadsCompiled },
      limits: {
        ...config.limits,
        document: { ...config.limits.document, aliases: PLENTY, tokens: PLENTY },
        rate: { user: PLENTY, organization: PLENTY, address: PLENTY },
      },
    }),
  });
}

function changed(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([, more]) => more > 0),
  );
}

async function createAwkwardPatients(db: TestDatabase, world: FullWorld): Promise<void> {
  for (const text of AWKWARD) {
    const { id } = await createPatient(db.superuser, world.here.clinic);
    await db.superuser.query(
      "update app_public.patients set given_name = $2, address = $2, external_id = mrn, death_date = '2020-02-29' where id = $1",
      [id, text],
    );
  }
  const archived = await createPatient(db.superuser, world.here.clinic);
  await db.superuser.query("update app_public.patients set deleted_at = now() where id = $1", [archived.id]);
}

async function findPeople(db: TestDatabase, world: FullWorld): Promise<Person[]> {
  const demo = async (name: "alice" | "bob") => {
    const userId = demoUserId(name);
    return { name, actor: { userId, sessionId: await createSession(db.superuser, userId) } };
  };
  const { here, there, abroad, owner, portal, superadmin, stranger, breakGlass } = world;
  return [
    { name: "provider", actor: here.provider, headers: { "x-purpose-of-use": "treatment" } },
    await demo("alice"),
    { name: "superadmin", actor: superadmin, headers: { "x-purpose-of-use": "support" } },
    { name: "owner", actor: owner },
    { name: "another clinic's admin", actor: there.clinicAdmin },
    await demo("bob"),
    {
      name: "another tenant's provider",
      actor: abroad.provider,
      headers: { "x-organization-id": world.foreign },
    },
    { name: "portal", actor: portal },
    { name: "viewer", actor: here.viewer },
    { name: "break glass", actor: breakGlass },
    { name: "stranger", actor: stranger },
    { name: "nobody", actor: null },
  ];
}
