import { Agent } from "node:http";

import { afterAll, beforeAll, expect, it, jest } from "@jest/globals";

import {
  createClinic,
  createMember,
  createOrganization,
  createPatient,
  createPerson,
  type Person,
} from "../../src/access/world/people.ts";
import { post } from "../support/Balancer.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

// Ten thousand requests, one after the other in the database, on a machine that does other things.
jest.setTimeout(600_000);

const REQUESTS = 10_000;
const PEOPLE = 100;
const AT_A_TIME = 16;
const PEOPLE_OF_A_CLINIC = 4;
const PATIENTS_OF_A_CLINIC = 3;

interface Known {
  person: Person | null;
  token: string | null;
  /** Exactly the patients that this person may see. */
  patients: string[];
}

interface Nodes {
  nodes: { rowId: string }[];
}

const db = useTestDatabase();
const api = useGateway(db, {
  configure: (config) => ({
    ...config,
    // One connection, for which everybody waits as long as it takes.
    database: { ...config.database, gatewayPoolSize: 1, gatewayPoolWait: 60_000 },
  }),
});
const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME });
let people: Known[];

beforeAll(async () => {
  people = await createPeople();
}, 120_000);
afterAll(() => agent.destroy());

/** Clinics of four people and three patients each, some people who see nothing, and one without a token. */
async function createPeople(): Promise<Known[]> {
  const found: Known[] = [{ person: null, token: null, patients: [] }];
  const add = (person: Person, patients: string[]) =>
    void found.push({ person, token: api.tokenOf(person), patients: patients.toSorted() });
  while (found.length < PEOPLE) {
    const clinic = await createClinic(db.superuser, await createOrganization(db.superuser));
    const patients: string[] = [];
    for (let count = 0; count < PATIENTS_OF_A_CLINIC; count++) {
      patients.push((await createPatient(db.superuser, clinic)).id);
    }
    for (let count = 0; count < PEOPLE_OF_A_CLINIC && found.length < PEOPLE - 1; count++) {
      add(await createMember(db.superuser, clinic, "provider"), patients);
    }
    add(await createPerson(db.superuser), []);
  }
  return found.slice(0, PEOPLE);
}

const READ = "{ patients { nodes { rowId } } }";
const nodeId = (id: string) => Buffer.from(JSON.stringify(["Patient", id])).toString("base64");
/** What goes wrong in between, at every stage: in the document, in SQL, in the policies. */
const MISHAPS: ((foreign: string) => string)[] = [
  () => "{ nonsense }",
  () => '{ patients(filter: { rowId: { equalTo: "no uuid" } }) { totalCount } }',
  (foreign) =>
    `mutation { updatePatient(input: { id: "${nodeId(foreign)}", patch: { city: "X" } }) { patient { id } } }`,
  (foreign) =>
    `mutation { bookAppointment(input: { patientId: "${foreign}", startsAt: "2031-01-01T10:00:00Z", endsAt: "2031-01-01T09:00:00Z" }) { result { id } } }`,
];

function send({ token }: Known, query: string) {
  return post(
    `${api.url}/graphql`,
    agent,
    { query },
    token === null ? {} : { authorization: `Bearer ${token}` },
  );
}

it("shows 100 people who share one connection for 10,000 requests, errors among them, no row of another's", async () => {
  const counts = { right: 0, foreign: 0, refused: 0, other: 0 };
  const unexpected = new Set<string>();
  let next = 0;
  const one = async (number: number) => {
    // A walk through everybody that is never in step with the requests under way.
    const asker = people[(number * 37 + Math.floor(number / PEOPLE)) % PEOPLE];
    if (!asker) {
      throw new Error("There is somebody at every place.");
    }
    const foreign = people.find(({ patients: [id] }) => id !== undefined && !asker.patients.includes(id))
      ?.patients[0];
    if (number % 5 === 4) {
      const { text } = await send(asker, MISHAPS[number % MISHAPS.length]?.(foreign ?? "") ?? READ);
      counts.refused += text.includes('"errors"') ? 1 : 0;
      return;
    }
    const { status, text } = await send(asker, READ);
    if (asker.person === null) {
      counts[status === 401 ? "right" : "foreign"]++;
      return;
    }
    const { data } = JSON.parse(text) as { data?: { patients: Nodes | null } };
    const seen = data?.patients?.nodes.map(({ rowId }) => rowId).sort();
    if (status !== 200 || seen === undefined) {
      counts.other++;
      unexpected.add(`${status} ${text}`.slice(0, 300));
    } else if (JSON.stringify(seen) === JSON.stringify(asker.patients)) {
      counts.right++;
    } else {
      counts.foreign++;
    }
  };
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      while (next < REQUESTS) {
        await one(next++);
      }
    }),
  );
  expect([...unexpected].slice(0, 3)).toEqual([]);
  expect(counts).toEqual({ right: REQUESTS * 0.8, foreign: 0, refused: REQUESTS * 0.2, other: 0 });
  const { rows } = await db.superuser.query(
    "select from pg_stat_activity where datname = $1 and application_name ~ '^bailiwick(-gateway| )'",
    [db.name],
  );
  expect(rows.length).toBe(1);
});
