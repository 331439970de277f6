import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  lexicographicSortSchema,
  printSchema,
} from "graphql";
import { pino } from "pino";

import { createFullWorld, type FullWorld } from "../../src/access/world/fullWorld.ts";
import { createCareSession } from "../../src/access/world/people.ts";
import { compileApi } from "../../src/commands/schema.ts";
import { differenceOf, type Person } from "../compiledReads/bothWays.ts";
import { DocumentWriter } from "../compiledReads/DocumentWriter.ts";
import { Random } from "../compiledReads/Random.ts";
import { type News, useSubscriber } from "../graphql/subscriber.ts";
import { mailedCode } from "../support/accounts.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { CHANGES, updateOfPatient } from "./changes.ts";
import { useSchemaFiles } from "./useSchemaFiles.ts";

jest.setTimeout(120_000);

const DOCUMENTS = 40;
const SEED = 11;
const PLENTY = 1e9;
/** Milliseconds. */
const PAUSE = 20;
const ROOT = join(import.meta.dirname, "../..");

const db = useTestDatabase();
const file = useSchemaFiles()();
const lines: string[] = [];

/** The one from a file writes it before it starts: it is the first. */
const gatewayWith = (schemaFile: string | null, areReadsCompiled: boolean) =>
  useGateway(db, {
    configure: (config) => ({
      ...config,
      api: { ...config.api, areReadsCompiled, schemaFile },
      limits: { ...config.limits, rate: { user: PLENTY, organization: PLENTY, address: PLENTY } },
    }),
    logger: pino({ level: "info" }, { write: (line) => lines.push(line) }),
  });

beforeAll(() => compileApi(db.urls.gateway, file), 120_000);
const loaded = gatewayWith(file, true);
const loadedAndPlanned = gatewayWith(file, false);
const built = gatewayWith(null, true);
const subscribers = [loaded, built].map((api) => useSubscriber(db, api));

let world: FullWorld;
let people: Person[];

beforeAll(async () => {
  world = await createFullWorld(db);
  const { here, abroad, portal, superadmin } = world;
  people = [
    { name: "provider", actor: here.provider, headers: { "x-purpose-of-use": "treatment" } },
    { name: "superadmin", actor: superadmin, headers: { "x-purpose-of-use": "support" } },
    { name: "portal", actor: portal },
    { name: "another tenant's provider", actor: abroad.provider },
    { name: "nobody", actor: null },
  ];
}, 120_000);

const nodeId = (type: string, rowId: string) => Buffer.from(JSON.stringify([type, rowId])).toString("base64");

/** What the gateways answer and put on record differently; nothing. */
async function differencesOf(
  person: Person,
  document: { query: string; variables: Record<string, unknown> },
) {
  const found = [];
  for (const other of [loaded, loadedAndPlanned]) {
    found.push(await differenceOf([other, built], db.superuser, { person, document }));
  }
  return found.filter((difference) => difference !== null);
}

it("both gateways of the file have loaded it, and the third has built its API", () => {
  const told = lines.filter((line) => line.includes("The API is loaded from the schema's file"));
  expect(told).toHaveLength(2);
});

describe("an API from a file", () => {
  it("shows clients the one that is built", async () => {
    const query = getIntrospectionQuery({ inputValueDeprecation: true });
    const [one, other] = await Promise.all([loaded, built].map((api) => api.query(world.superadmin, query)));
    expect(one?.errors).toBeUndefined();
    // Whichever of two types comes first is the same to everybody.
    const textOf = (answer = one) => printSchema(lexicographicSortSchema(buildClientSchema(answer?.data)));
    expect(textOf(one)).toContain("type Patient implements Node");
    expect(textOf(one)).toBe(textOf(other));
    expect(one?.headers.get("x-schema-version")).toBe(other?.headers.get("x-schema-version"));
  });

  it("answers queries that are written at random as the other, and leaves the same record", async () => {
    const random = new Random(SEED);
    const schema = buildSchema(readFileSync(join(ROOT, "schema.graphql"), "utf8"));
    const { data } = await built.query(
      world.superadmin,
      "{ patients(first: 5) { nodes { id rowId } } appointments(first: 5) { nodes { id rowId } } clinics { nodes { id rowId } } }",
      { headers: { "x-purpose-of-use": "support" } },
    );
    const rows = { Patient: data.patients, Appointment: data.appointments, Clinic: data.clinics };
    const known = Object.entries(rows).map(([type, { nodes }]) => [type, nodes] as const);
    const writer = new DocumentWriter(schema, random, new Map(known));
    const differences = [];
    for (let index = 0; index < DOCUMENTS; index++) {
      const document = writer.write();
      const person = random.of(people);
      const found = await differencesOf(person, document);
      differences.push(...found.map((difference) => ({ person: person.name, document, difference })));
    }
    expect(differences).toEqual([]);
  });

  it("shows a patient to those who may see it, puts that on record, and shows nobody else", async () => {
    const query = "query ($id: UUID!) { patientByRowId(rowId: $id) { givenName mrn birthDate } }";
    const document = { query, variables: { id: world.here.patient.id } };
    for (const person of people) {
      expect(await differencesOf(person, document)).toEqual([]);
    }
    const [provider, , , stranger] = people;
    const seen = await loaded.query(provider?.actor ?? null, query, document);
    expect(seen.data.patientByRowId.mrn).toEqual(expect.any(String));
    const requestId = seen.headers.get("x-request-id");
    const { rows } = await db.superuser.query(
      "select patient_ids from app_audit.events where request_id = $1 and command = 'SELECT'",
      [requestId],
    );
    expect(rows.flatMap(({ patient_ids }) => patient_ids)).toContain(world.here.patient.id);
    const hidden = await loaded.query(stranger?.actor ?? null, query, document);
    expect(hidden.data.patientByRowId).toBeNull();
  });
});

describe("a change by an API from a file", () => {
  it.each(CHANGES)("%s has the same answer, whoever asks", async (_title, query) => {
    const { id: rowId } = world.here.patient;
    const all = { id: nodeId("Patient", rowId), rowId };
    const variables = Object.fromEntries(Object.entries(all).filter(([name]) => query.includes(`$${name}:`)));
    for (const person of people) {
      const found = await differencesOf(person, { query, variables });
      expect({ person: person.name, found }).toEqual({ person: person.name, found: [] });
    }
  });

  it("changes a patient for its provider, and for nobody of another tenant", async () => {
    const { provider, patient } = world.here;
    const request = { variables: { id: nodeId("Patient", patient.id) } };
    const { data } = await loaded.query(provider, updateOfPatient('{ address: "2 Other Road" }'), request);
    expect(data.updatePatient.patient.address).toBe("2 Other Road");
    const { errors } = await loaded.query(
      world.abroad.provider,
      updateOfPatient('{ address: "3" }'),
      request,
    );
    expect(errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
  });

  it("signs people in who have the password, with a token that the other gateway takes, and nobody else", async () => {
    const email = "new@example.com";
    const registration = `mutation { register(input: { email: "${email}", password: "correct horse battery" }) { result } }`;
    expect((await loaded.query(null, registration)).data).toEqual({ register: { result: true } });
    const code = await mailedCode(db.superuser, email);
    const confirm = (password: string) =>
      `mutation { confirmRegistration(input: { code: "${code}", password: "${password}" }) { result { accessToken } } }`;
    const refused = await loaded.query(null, confirm("another horse battery"));
    expect(refused.errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    const { data } = await loaded.query(null, confirm("correct horse battery"));
    const authorization = `Bearer ${data.confirmRegistration.result.accessToken}`;
    const { data: seen } = await built.query(null, "{ viewer { email } }", { headers: { authorization } });
    expect(seen).toEqual({ viewer: { email } });
  });
});

describe("a subscription at an API from a file", () => {
  const query = `subscription ($clinicId: UUID!) {
    careSessionChanged(clinicId: $clinicId) { operation careSessionId careSession { status } } }`;

  /** Each gateway on a connection of its own: an earlier announcement would be missed. */
  async function untilAllListen(channel: string) {
    for (;;) {
      const { rows } = await db.superuser.query(
        "select from pg_stat_activity where datname = $1 and application_name = 'bailiwick-listen' and query = $2",
        [db.name, `LISTEN "${channel}"`],
      );
      if (rows.length === subscribers.length) {
        return;
      }
      await sleep(PAUSE);
    }
  }

  it("brings the same news as the other", async () => {
    const { clinic, staff, appointment } = world.here;
    const news = subscribers.map((each) => each.as(staff, query, { clinicId: clinic.id }).next());
    await untilAllListen(`care_sessions:${clinic.id}`);
    await createCareSession(db.superuser, appointment);
    const [one, other] = (await Promise.all(news)).map(({ value }) => (value as News).data);
    expect(one).toMatchObject({
      careSessionChanged: { operation: "CREATED", careSession: { status: expect.any(String) } },
    });
    expect(one).toEqual(other);
  });

  it("is refused to people of another tenant in the same words", async () => {
    const { clinic } = world.here;
    const errors = await Promise.all(
      subscribers.map(async (each) => {
        const { value } = await each.as(world.abroad.staff, query, { clinicId: clinic.id }).next();
        return (value as News).errors;
      }),
    );
    expect(errors[0]).toMatchObject([{ extensions: { code: "NOT_FOUND" } }]);
    expect(errors[0]).toEqual(errors[1]);
  });
});
