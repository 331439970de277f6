import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { useEvidence } from "./evidence.ts";

const db = useTestDatabase();
const api = useGateway(db);
const evidence = useEvidence(db);
let world: World;
/** The ids of two reads and two refusals of one person. */
let reads: string[] = [];
let refusals: string[] = [];

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const { provider } = world.here;
  for (let time = 0; time < 2; time++) {
    await api.query(provider, "{ patients { nodes { rowId givenName } } }", {
      headers: { "X-Purpose-Of-Use": "treatment" },
    });
    const { errors } = await api.query(
      provider,
      "mutation ($id: UUID!) { archivePatient(input: { patientId: $id }) { result { rowId } } }",
      { variables: { id: world.abroad.patient.id } },
    );
    expect(errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
  }
  await evidence.sealEverything();
  const idsOf = async (command: string) => {
    const { rows } = await db.superuser.query<{ id: string }>(
      "select id from app_audit.events where command = $1 and actor_id = $2 order by transaction_id, id",
      [command, provider.userId],
    );
    return rows.map(({ id }) => id);
  };
  reads = await idsOf("SELECT");
  refusals = await idsOf("ATTEMPT");
  await db.superuser.query(
    "create schema aside; create table aside.events as select * from app_audit.events",
  );
});

beforeEach(() =>
  evidence.tamper("delete from app_audit.events", "insert into app_audit.events select * from aside.events"),
);

const problemAfter = async (...statements: string[]) => {
  await evidence.tamper(...statements);
  return (await evidence.verify()).problem;
};
const set = (id: string | undefined, assignment: string) =>
  `update app_audit.events set ${assignment} where id = '${id}'`;
const SOMEBODY = "00000000-0000-7000-8000-00000000000a";

it("finds nothing where nothing was done to two reads and two refusals", async () => {
  expect([reads.length, refusals.length]).toEqual([2, 2]);
  expect((await evidence.verify()).problem).toBeNull();
});

describe("of a read, names the event when somebody", () => {
  it.each([
    ["takes a patient out of it", "patient_ids = '{}'"],
    ["puts a patient into it", `patient_ids = patient_ids || '${SOMEBODY}'::uuid`],
    ["takes a column out of it", "changed_fields = '{}'"],
    ["says that fewer records were read", "row_count = 0"],
    ["gives it to somebody else", `actor_id = '${SOMEBODY}'`],
    ["gives it another purpose", "purpose_of_use = 'research'"],
    ["gives it an emergency that there was not", `grant_id = '${SOMEBODY}'`],
    ["lets it come from elsewhere", "address_hash = repeat('0', 32)"],
    ["gives it another document", "document_hash = repeat('0', 64)"],
    ["makes it a refusal", "command = 'ATTEMPT', outcome = 'denied', error_code = 'FORBIDDEN'"],
  ])("%s", async (_, assignment) => {
    expect(await problemAfter(set(reads[0], assignment))).toMatchObject({
      organizationId: world.own,
      eventId: reads[0],
      message: expect.stringMatching(/changed after the seal/),
    });
  });

  it("removes it", async () => {
    const problem = await problemAfter(`delete from app_audit.events where id = '${reads[0]}'`);
    expect(problem).toMatchObject({ organizationId: world.own, message: expect.stringMatching(/missing/) });
  });

  it("adds one more like it", async () => {
    const problem = await problemAfter(
      `insert into app_audit.events select (jsonb_populate_record(e, jsonb_build_object('id', app_hidden.uuid_v7()))).*
       from app_audit.events e where id = '${reads[0]}'`,
    );
    expect(problem).toMatchObject({ organizationId: world.own });
    expect([...reads, ...refusals]).not.toContain(problem?.eventId);
  });
});

describe("of a refusal, names the event when somebody", () => {
  it.each([
    ["lets it have been allowed", "command = 'SELECT', outcome = 'ok', error_code = null"],
    ["gives it another reason", "error_code = 'UNAUTHENTICATED'"],
    ["gives it to somebody else", `actor_id = '${SOMEBODY}'`],
    ["says that something else was tried", "changed_fields = '{bookAppointment}'"],
  ])("%s", async (_, assignment) => {
    expect(await problemAfter(set(refusals[0], assignment))).toMatchObject({
      eventId: refusals[0],
      message: expect.stringMatching(/changed after the seal/),
    });
  });

  it("moves it out of the organization", async () => {
    expect(await problemAfter(set(refusals[0], "organization_id = null"))).not.toBeNull();
  });

  it("removes both of them", async () => {
    const problem = await problemAfter("delete from app_audit.events where command = 'ATTEMPT'");
    expect(problem).toMatchObject({ organizationId: world.own, message: expect.stringMatching(/missing/) });
  });
});
